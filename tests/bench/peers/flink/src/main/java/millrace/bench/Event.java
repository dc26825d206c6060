// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.io.IOException;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** What the aggregation needs of an input; the filler stays behind at the source. */
public final class Event {
  static final TypeInformation<Event> TYPE = new CompactType<>(Event.class, new Serializer());

  Key key;
  long tag;
  long amount;

  /** The key, then tag and amount. */
  public static final class Serializer extends CompactSerializer<Event> {
    private static final long serialVersionUID = 1L;

    public Serializer() {
      super(-1);
    }

    @Override
    public Event createInstance() {
      return new Event();
    }

    @Override
    public Event copy(Event from) {
      Event event = new Event();
      event.key = from.key;
      event.tag = from.tag;
      event.amount = from.amount;
      return event;
    }

    @Override
    public void serialize(Event event, DataOutputView target) throws IOException {
      Key.write(event.key, target);
      target.writeLong(event.tag);
      target.writeLong(event.amount);
    }

    @Override
    public Event deserialize(DataInputView source) throws IOException {
      Event event = new Event();
      event.key = Key.read(source);
      event.tag = source.readLong();
      event.amount = source.readLong();
      return event;
    }

    @Override
    public void copy(DataInputView source, DataOutputView target) throws IOException {
      Key.copy(source, target);
      target.write(source, 2 * Long.BYTES);
    }

    @Override
    public TypeSerializerSnapshot<Event> snapshotConfiguration() {
      return new Snapshot();
    }
  }

  /** What a checkpoint keeps about the serializer: its class. */
  public static final class Snapshot extends SimpleTypeSerializerSnapshot<Event> {
    public Snapshot() {
      super(Serializer::new);
    }
  }
}
