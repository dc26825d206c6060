// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.io.IOException;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** The state of a key. */
public final class Total {
  static final TypeInformation<Total> TYPE = new CompactType<>(Total.class, new Serializer());

  long count;
  long sum;

  /** Count and sum, 16 bytes. */
  public static final class Serializer extends CompactSerializer<Total> {
    private static final long serialVersionUID = 1L;

    public Serializer() {
      super(2 * Long.BYTES);
    }

    @Override
    public Total createInstance() {
      return new Total();
    }

    @Override
    public Total copy(Total from) {
      Total total = new Total();
      total.count = from.count;
      total.sum = from.sum;
      return total;
    }

    @Override
    public void serialize(Total total, DataOutputView target) throws IOException {
      target.writeLong(total.count);
      target.writeLong(total.sum);
    }

    @Override
    public Total deserialize(DataInputView source) throws IOException {
      Total total = new Total();
      total.count = source.readLong();
      total.sum = source.readLong();
      return total;
    }

    @Override
    public void copy(DataInputView source, DataOutputView target) throws IOException {
      target.write(source, 2 * Long.BYTES);
    }

    @Override
    public TypeSerializerSnapshot<Total> snapshotConfiguration() {
      return new Snapshot();
    }
  }

  /** What a checkpoint keeps about the serializer: its class. */
  public static final class Snapshot extends SimpleTypeSerializerSnapshot<Total> {
    public Snapshot() {
      super(Serializer::new);
    }
  }
}
