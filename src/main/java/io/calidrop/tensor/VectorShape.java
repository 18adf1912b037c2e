package io.calidrop.tensor;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector species of this machine. They are static finals because C2 compiles Vector API code to
 * instructions only where the species is a constant.
 *
 * <p>Conversions therefore name it too: {@code convertShape} and {@code reinterpretShape}. {@code
 * convert} and {@code reinterpretAsInts} look the species up; in a process in which C2 comes to
 * them before it knows the vector's class it leaves a call, and vectors as objects, for good.
 */
public final class VectorShape {
  public static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  public static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
  public static final VectorSpecies<Short> S = ShortVector.SPECIES_PREFERRED;
  public static final VectorSpecies<Byte> B = ByteVector.SPECIES_PREFERRED;

  /** Floats in a vector, and so matrix rows in a tile. */
  public static final int LANES = F.length();

  /**
   * Partial sums of a reduction: as many as the widest vectors have lanes, on every machine. So all
   * add in the same order, and a model says the same everywhere.
   */
  public static final int PARTIALS = 16;

  /** Whether there are 32 vector registers: AVX-512 has them, AVX2 sixteen. */
  static final boolean MANY_REGISTERS = F.vectorBitSize() > 256;

  /** As many bytes as a vector has lanes, or eight, the least that a species has. */
  public static final VectorSpecies<Byte> FEW_BYTES =
      LANES > Long.BYTES ? ByteVector.SPECIES_128 : ByteVector.SPECIES_64;

  /** Bytes of a vector. */
  public static final int BYTES = F.vectorByteSize();

  private VectorShape() {}

  public static int bits() {
    return F.vectorBitSize();
  }

  /** {@code n} rounded up to a multiple of {@code multiple}. */
  public static int roundUp(int n, int multiple) {
    return Math.ceilDiv(n, multiple) * multiple;
  }
}
