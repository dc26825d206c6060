// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.streams.StreamsConfig;

/** The configuration of the streams client; README.md tells why each value is what it is. */
final class Settings {
    private static final int KIB = 1024;
    private static final int MIB = 1024 * 1024;
    private static final int BY_KERNEL = -1;

    private Settings() {}

    static Properties of(Arguments arguments) {
        Properties settings = new Properties();
        streams(arguments, settings);
        consumer(arguments, settings);
        producer(settings);
        return settings;
    }

    private static void streams(Arguments arguments, Properties settings) {
        boolean exactlyOnce = arguments.delivery() == Arguments.Delivery.EXACTLY_ONCE;
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments.application());
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments.bootstrap());
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments.stateDir());
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments.threads());
        settings.put(
                StreamsConfig.PROCESSING_GUARANTEE_CONFIG,
                exactlyOnce ? StreamsConfig.EXACTLY_ONCE_V2 : StreamsConfig.AT_LEAST_ONCE);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, arguments.commitIntervalMs());
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, arguments.cacheBytes());
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.NUM_STANDBY_REPLICAS_CONFIG, 0);
        settings.put(StreamsConfig.ACCEPTABLE_RECOVERY_LAG_CONFIG, Long.MAX_VALUE);
        settings.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
        settings.put(StreamsConfig.METRICS_RECORDING_LEVEL_CONFIG, "INFO");
        settings.put(StreamsConfig.ENABLE_METRICS_PUSH_CONFIG, false);
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
    }

    private static void consumer(Arguments arguments, Properties settings) {
        String all = StreamsConfig.CONSUMER_PREFIX;
        settings.put(all + ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        settings.put(all + ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 5_000);
        settings.put(all + ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 4 * MIB);
        settings.put(all + ConsumerConfig.RECEIVE_BUFFER_CONFIG, BY_KERNEL);
        settings.put(
                all + ConsumerConfig.ISOLATION_LEVEL_CONFIG,
                IsolationLevel.READ_COMMITTED.toString());
        String main = StreamsConfig.MAIN_CONSUMER_PREFIX;
        settings.put(
                main + ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, arguments.sessionTimeoutMs());
        settings.put(
                main + ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG,
                arguments.heartbeatIntervalMs());
        if (arguments.instance() != null) {
            settings.put(main + ConsumerConfig.GROUP_INSTANCE_ID_CONFIG, arguments.instance());
        }
    }

    private static void producer(Properties settings) {
        String prefix = StreamsConfig.PRODUCER_PREFIX;
        settings.put(prefix + ProducerConfig.ACKS_CONFIG, "all");
        settings.put(prefix + ProducerConfig.BATCH_SIZE_CONFIG, 128 * KIB);
        settings.put(prefix + ProducerConfig.LINGER_MS_CONFIG, 100);
        settings.put(prefix + ProducerConfig.BUFFER_MEMORY_CONFIG, 64 * MIB);
        settings.put(prefix + ProducerConfig.SEND_BUFFER_CONFIG, BY_KERNEL);
        settings.put(prefix + ProducerConfig.COMPRESSION_TYPE_CONFIG, "none");
    }
}
