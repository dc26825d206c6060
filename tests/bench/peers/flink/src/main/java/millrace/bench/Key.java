// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.io.IOException;
import java.util.Arrays;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** A record's key: its bytes, compared by content. Never changed once made. */
public final class Key {
  static final TypeInformation<Key> TYPE = new CompactType<>(Key.class, new Serializer());

  final byte[] bytes;
  private final int hash;

  Key(byte[] bytes) {
    this.bytes = bytes;
    this.hash = Arrays.hashCode(bytes);
  }

  @Override
  public int hashCode() {
    return hash;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Key that && hash == that.hash && Arrays.equals(bytes, that.bytes);
  }

  static void write(Key key, DataOutputView target) throws IOException {
    target.writeShort(key.bytes.length);
    target.write(key.bytes);
  }

  static Key read(DataInputView source) throws IOException {
    byte[] bytes = new byte[source.readUnsignedShort()];
    source.readFully(bytes);
    return new Key(bytes);
  }

  static void copy(DataInputView source, DataOutputView target) throws IOException {
    int length = source.readUnsignedShort();
    target.writeShort(length);
    target.write(source, length);
  }

  /** Two bytes of length, then the bytes. */
  public static final class Serializer extends CompactSerializer<Key> {
    private static final long serialVersionUID = 1L;

    public Serializer() {
      super(-1);
    }

    @Override
    public boolean isImmutableType() {
      return true;
    }

    @Override
    public Key createInstance() {
      return new Key(new byte[0]);
    }

    @Override
    public Key copy(Key from) {
      return from;
    }

    @Override
    public void serialize(Key key, DataOutputView target) throws IOException {
      write(key, target);
    }

    @Override
    public Key deserialize(DataInputView source) throws IOException {
      return read(source);
    }

    @Override
    public void copy(DataInputView source, DataOutputView target) throws IOException {
      Key.copy(source, target);
    }

    @Override
    public TypeSerializerSnapshot<Key> snapshotConfiguration() {
      return new Snapshot();
    }
  }

  /** What a checkpoint keeps about the serializer: its class. */
  public static final class Snapshot extends SimpleTypeSerializerSnapshot<Key> {
    public Snapshot() {
      super(Serializer::new);
    }
  }
}
