// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** One source, one processor, one sink, and for the aggregate a store with a changelog. */
final class BenchTopology {
    private static final String SOURCE = "source";
    private static final String PROCESSOR = "processor";
    private static final String SINK = "sink";

    private BenchTopology() {}

    static Topology of(Arguments arguments) {
        Topology topology = new Topology();
        topology.addSource(
                SOURCE,
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer(),
                arguments.input());
        if (arguments.cell() == Arguments.Cell.AGGREGATE) {
            add(topology, Aggregate::new);
            topology.addStateStore(store(arguments), PROCESSOR);
        } else {
            add(topology, PassThrough::new);
        }
        // No partitioner is named: the producer's default takes murmur2 of the key.
        topology.addSink(
                SINK,
                arguments.output(),
                new ByteArraySerializer(),
                new ByteArraySerializer(),
                PROCESSOR);
        return topology;
    }

    private static void add(
            Topology topology, ProcessorSupplier<byte[], byte[], byte[], byte[]> supplier) {
        topology.addProcessor(PROCESSOR, supplier, SOURCE);
    }

    private static StoreBuilder<KeyValueStore<byte[], byte[]>> store(Arguments arguments) {
        KeyValueBytesStoreSupplier supplier =
                arguments.store() == Arguments.Store.ROCKSDB
                        ? Stores.persistentKeyValueStore(Aggregate.STORE)
                        : Stores.inMemoryKeyValueStore(Aggregate.STORE);
        // The changelog is on by default.
        StoreBuilder<KeyValueStore<byte[], byte[]>> builder =
                Stores.keyValueStoreBuilder(supplier, Serdes.ByteArray(), Serdes.ByteArray());
        return arguments.cacheBytes() > 0
                ? builder.withCachingEnabled()
                : builder.withCachingDisabled();
    }
}
