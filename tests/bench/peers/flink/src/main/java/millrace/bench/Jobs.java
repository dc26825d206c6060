// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.typeutils.TupleTypeInfo;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.sink.TransactionNamingStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/** The two topologies: source, key, count, sink; and source, sink in one chain. */
final class Jobs {
  private static final VarHandle LONG_LE =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int TAG_AT = 0;
  private static final int AMOUNT_AT = 8;
  private static final int COUNT_OUT_AT = 0;
  private static final int SUM_OUT_AT = 8;
  private static final int TAG_OUT_AT = 16;
  private static final int OUTPUT_LENGTH = 24;

  /** Key and value as they go to the sink. */
  private static final TypeInformation<Tuple2<byte[], byte[]>> BYTES =
      new TupleTypeInfo<>(
          PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO,
          PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);

  private Jobs() {}

  static void build(StreamExecutionEnvironment env, Arguments arguments) {
    if (arguments.cell == Arguments.Cell.AGGREGATE) {
      aggregate(env, arguments);
    } else {
      passThrough(env, arguments);
    }
  }

  private static void aggregate(StreamExecutionEnvironment env, Arguments arguments) {
    source(env, arguments, new ReadEvent())
        .keyBy(event -> event.key, Key.TYPE)
        .process(new CountAndSum(), BYTES)
        .uid("aggregate")
        .sinkTo(sink(arguments))
        .uid("sink");
  }

  private static void passThrough(StreamExecutionEnvironment env, Arguments arguments) {
    source(env, arguments, new ReadBytes()).sinkTo(sink(arguments)).uid("sink");
  }

  private static <T> DataStream<T> source(
      StreamExecutionEnvironment env,
      Arguments arguments,
      KafkaRecordDeserializationSchema<T> read) {
    KafkaSource<T> source =
        KafkaSource.<T>builder()
            .setBootstrapServers(arguments.bootstrap)
            .setTopics(arguments.input)
            .setProperties(Settings.consumer(arguments))
            // Offsets and state come from one checkpoint; without one both begin at the beginning.
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setDeserializer(read)
            .build();
    return env.fromSource(source, WatermarkStrategy.noWatermarks(), "source").uid("source");
  }

  private static KafkaSink<Tuple2<byte[], byte[]>> sink(Arguments arguments) {
    boolean once = arguments.delivery == Arguments.Delivery.EXACTLY_ONCE;
    return KafkaSink.<Tuple2<byte[], byte[]>>builder()
        .setBootstrapServers(arguments.bootstrap)
        .setKafkaProducerConfig(Settings.producer(arguments))
        .setRecordSerializer(new Write(arguments.output))
        .setDeliveryGuarantee(
            once ? DeliveryGuarantee.EXACTLY_ONCE : DeliveryGuarantee.AT_LEAST_ONCE)
        .setTransactionalIdPrefix(arguments.application)
        .setTransactionNamingStrategy(TransactionNamingStrategy.INCREMENTING)
        .build();
  }

  /** One event per task, filled anew: the shuffle serialises it before the next is read. */
  private static final class ReadEvent implements KafkaRecordDeserializationSchema<Event> {
    private static final long serialVersionUID = 1L;

    private transient Event event;

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Event> out) {
      if (event == null) {
        event = new Event();
      }
      event.key = new Key(record.key());
      event.tag = (long) LONG_LE.get(record.value(), TAG_AT);
      event.amount = (long) LONG_LE.get(record.value(), AMOUNT_AT);
      out.collect(event);
    }

    @Override
    public TypeInformation<Event> getProducedType() {
      return Event.TYPE;
    }
  }

  /** Key and value untouched, in a pair that is filled anew: the chain is done with it by then. */
  private static final class ReadBytes
      implements KafkaRecordDeserializationSchema<Tuple2<byte[], byte[]>> {
    private static final long serialVersionUID = 1L;

    private transient Tuple2<byte[], byte[]> pair;

    @Override
    public void deserialize(
        ConsumerRecord<byte[], byte[]> record, Collector<Tuple2<byte[], byte[]>> out) {
      if (pair == null) {
        pair = new Tuple2<>();
      }
      pair.f0 = record.key();
      pair.f1 = record.value();
      out.collect(pair);
    }

    @Override
    public TypeInformation<Tuple2<byte[], byte[]>> getProducedType() {
      return BYTES;
    }
  }

  /** The running count and sum of a key, one output per input. */
  private static final class CountAndSum
      extends KeyedProcessFunction<Key, Event, Tuple2<byte[], byte[]>> {
    private static final long serialVersionUID = 1L;

    private transient ValueState<Total> totals;
    private transient Tuple2<byte[], byte[]> output;

    @Override
    public void open(OpenContext context) {
      totals = getRuntimeContext().getState(new ValueStateDescriptor<>("total", Total.TYPE));
      output = new Tuple2<>();
    }

    @Override
    public void processElement(Event event, Context context, Collector<Tuple2<byte[], byte[]>> out)
        throws Exception {
      Total total = totals.value();
      if (total == null) {
        total = new Total();
      }
      total.count += 1;
      total.sum += event.amount;
      totals.update(total);
      byte[] value = new byte[OUTPUT_LENGTH];
      LONG_LE.set(value, COUNT_OUT_AT, total.count);
      LONG_LE.set(value, SUM_OUT_AT, total.sum);
      LONG_LE.set(value, TAG_OUT_AT, event.tag);
      output.f0 = event.key.bytes;
      output.f1 = value;
      out.collect(output);
    }
  }

  /** No partition: the producer's own partitioner hashes the key. */
  private static final class Write
      implements KafkaRecordSerializationSchema<Tuple2<byte[], byte[]>> {
    private static final long serialVersionUID = 1L;

    private final String topic;
    private transient boolean reported;

    Write(String topic) {
      this.topic = topic;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(
        Tuple2<byte[], byte[]> pair, KafkaSinkContext context, Long timestamp) {
      if (!reported) {
        reported = true;
        Progress.firstRecord();
      }
      return new ProducerRecord<>(topic, null, timestamp, pair.f0, pair.f1);
    }
  }
}
