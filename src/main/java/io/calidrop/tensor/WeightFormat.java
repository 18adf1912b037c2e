package io.calidrop.tensor;

import io.calidrop.gguf.GgmlType;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A weight format the engine computes with. Its scalar {@link #dequantizeRow} is the specification
 * that every kernel of the format is held against. Immutable: threads may share it.
 */
public final class WeightFormat {

  /** Decodes one block of a format to its elements. */
  @FunctionalInterface
  interface BlockDecoder {
    void decode(MemorySegment source, long offset, float[] out, int outOffset);
  }

  private static final Map<GgmlType, WeightFormat> FORMATS = new EnumMap<>(GgmlType.class);

  static {
    add(GgmlType.F32, FloatBlocks::f32);
    add(GgmlType.F16, FloatBlocks::f16);
    add(GgmlType.BF16, FloatBlocks::bf16);
    add(GgmlType.Q4_0, LegacyBlocks::q4Of0);
    add(GgmlType.Q4_1, LegacyBlocks::q4Of1);
    add(GgmlType.Q5_0, LegacyBlocks::q5Of0);
    add(GgmlType.Q5_1, LegacyBlocks::q5Of1);
    add(GgmlType.Q8_0, LegacyBlocks::q8Of0);
    add(GgmlType.Q2_K, SuperBlocks::q2);
    add(GgmlType.Q3_K, SuperBlocks::q3);
    add(GgmlType.Q4_K, SuperBlocks::q4);
    add(GgmlType.Q5_K, SuperBlocks::q5);
    add(GgmlType.Q6_K, SuperBlocks::q6);
    add(GgmlType.IQ4_NL, NonLinearBlocks::iq4Nl);
    add(GgmlType.IQ4_XS, NonLinearBlocks::iq4Xs);
  }

  private final GgmlType type;
  private final BlockDecoder decoder;

  private WeightFormat(GgmlType type, BlockDecoder decoder) {
    this.type = type;
    this.decoder = decoder;
  }

  private static void add(GgmlType type, BlockDecoder decoder) {
    FORMATS.put(type, new WeightFormat(type, decoder));
  }

  /** The format of that type, if it is supported. */
  public static Optional<WeightFormat> of(GgmlType type) {
    return Optional.ofNullable(FORMATS.get(type));
  }

  public static List<GgmlType> supported() {
    return List.copyOf(FORMATS.keySet());
  }

  public GgmlType type() {
    return type;
  }

  /**
   * Dequantises {@code count} elements, a whole number of blocks, that start at byte {@code
   * offset}.
   *
   * @param out receives them from {@code outOffset} on
   */
  public void dequantizeRow(
      MemorySegment source, long offset, float[] out, int outOffset, int count) {
    int blocks = count / type.blockSize();
    for (int b = 0; b < blocks; b++) {
      long from = offset + (long) b * type.blockBytes();
      decoder.decode(source, from, out, outOffset + b * type.blockSize());
    }
  }
}
