package io.calidrop.batch;

import io.calidrop.download.Checksum;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;

/**
 * The ids of a batch, of any length, in about 32 bytes each: a file of a million lines must not
 * need a memory for it. Held are the first 128 bits of their SHA-256.
 */
final class IdSet {
  private final MessageDigest digest = Checksum.newDigest();
  private long[] slots = new long[2 * 1024]; // pairs, open addressing; an unused one is zero
  private int size;

  /** Ids in the set. */
  int size() {
    return size;
  }

  /** Adds an id; false if it was there. */
  boolean add(BatchId id) {
    ByteBuffer hash = hash(id);
    int slot = slot(hash.getLong(0), hash.getLong(8));
    if (isUsed(slot)) {
      return false;
    }
    slots[slot] = hash.getLong(0);
    slots[slot + 1] = hash.getLong(8);
    size++;
    if (4 * size > slots.length) { // half of the pairs
      grow();
    }
    return true;
  }

  boolean contains(BatchId id) {
    ByteBuffer hash = hash(id);
    return isUsed(slot(hash.getLong(0), hash.getLong(8)));
  }

  private ByteBuffer hash(BatchId id) {
    return ByteBuffer.wrap(digest.digest(id.toString().getBytes(StandardCharsets.UTF_8)));
  }

  private boolean isUsed(int slot) {
    return (slots[slot] | slots[slot + 1]) != 0;
  }

  /** Where a hash is, or would be. */
  private int slot(long high, long low) {
    int slot = 2 * (int) (high & slots.length / 2 - 1);
    while (isUsed(slot) && (slots[slot] != high || slots[slot + 1] != low)) {
      slot = (slot + 2) % slots.length;
    }
    return slot;
  }

  private void grow() {
    long[] old = slots;
    slots = new long[2 * old.length];
    for (int i = 0; i < old.length; i += 2) {
      if ((old[i] | old[i + 1]) != 0) {
        int slot = slot(old[i], old[i + 1]);
        slots[slot] = old[i];
        slots[slot + 1] = old[i + 1];
      }
    }
  }
}
