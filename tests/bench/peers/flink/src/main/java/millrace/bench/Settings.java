// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.io.File;
import java.time.Duration;
import java.util.Properties;
import org.apache.flink.client.deployment.executors.LocalExecutor;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.DeploymentOptions;
import org.apache.flink.configuration.ExecutionOptions;
import org.apache.flink.configuration.ExternalizedCheckpointRetention;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.SecurityOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.core.execution.RecoveryClaimMode;
import org.apache.flink.state.rocksdb.RocksDBOptions;

/** Every setting that differs from a default or matters for speed; README.md says why each. */
final class Settings {
  private static final MemorySize NETWORK_MEMORY = MemorySize.ofMebiBytes(32);
  private static final MemorySize ROCKSDB_MEMORY = MemorySize.ofMebiBytes(128);
  private static final int BUFFER_TIMEOUT_MAX_MS = 100;
  private static final int BUFFER_TIMEOUTS_PER_CHECKPOINT = 10;

  private Settings() {}

  static Configuration flink(Arguments arguments, String restorePath) {
    Configuration c = new Configuration();
    c.set(DeploymentOptions.TARGET, LocalExecutor.NAME);
    c.set(DeploymentOptions.ATTACHED, true);
    c.set(CoreOptions.DEFAULT_PARALLELISM, arguments.parallelism);
    c.set(PipelineOptions.OBJECT_REUSE, true);
    c.set(PipelineOptions.GENERIC_TYPES, false);
    c.set(PipelineOptions.AUTO_WATERMARK_INTERVAL, Duration.ZERO);
    c.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
    c.set(ExecutionOptions.BUFFER_TIMEOUT, bufferTimeout(arguments.checkpointIntervalMs));
    checkpoints(c, arguments, restorePath);
    memory(c, arguments);
    c.set(SecurityOptions.DELEGATION_TOKENS_ENABLED, false);
    c.set(CoreOptions.TMP_DIRS, arguments.stateDir);
    arguments.flink.forEach(c::setString);
    return c;
  }

  private static Duration bufferTimeout(int checkpointIntervalMs) {
    int part = Math.max(1, checkpointIntervalMs / BUFFER_TIMEOUTS_PER_CHECKPOINT);
    return Duration.ofMillis(Math.min(BUFFER_TIMEOUT_MAX_MS, part));
  }

  private static void checkpoints(Configuration c, Arguments arguments, String restorePath) {
    String directory = new File(arguments.checkpointDir).getAbsoluteFile().toURI().toString();
    c.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, directory);
    c.set(CheckpointingOptions.SAVEPOINT_DIRECTORY, directory);
    c.set(CheckpointingOptions.CHECKPOINTING_INTERVAL,
        Duration.ofMillis(arguments.checkpointIntervalMs));
    // State counts each record once with either delivery; only the sink differs.
    c.set(CheckpointingOptions.CHECKPOINTING_CONSISTENCY_MODE, CheckpointingMode.EXACTLY_ONCE);
    c.set(CheckpointingOptions.ENABLE_UNALIGNED, false);
    c.set(CheckpointingOptions.EXTERNALIZED_CHECKPOINT_RETENTION,
        ExternalizedCheckpointRetention.RETAIN_ON_CANCELLATION);
    c.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS,
        arguments.store == Arguments.Store.ROCKSDB);
    if (restorePath != null) {
      c.set(StateRecoveryOptions.SAVEPOINT_PATH, restorePath);
      c.set(StateRecoveryOptions.RESTORE_MODE, RecoveryClaimMode.CLAIM);
    }
  }

  private static void memory(Configuration c, Arguments arguments) {
    c.set(TaskManagerOptions.NETWORK_MEMORY_MIN, NETWORK_MEMORY);
    c.set(TaskManagerOptions.NETWORK_MEMORY_MAX, NETWORK_MEMORY);
    if (arguments.store == Arguments.Store.HEAP) {
      c.set(StateBackendOptions.STATE_BACKEND, "hashmap");
      c.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ZERO);
      return;
    }
    c.set(StateBackendOptions.STATE_BACKEND, "rocksdb");
    c.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, ROCKSDB_MEMORY);
    c.set(RocksDBOptions.LOCAL_DIRECTORIES, arguments.stateDir);
  }

  static Properties consumer(Arguments arguments) {
    Properties p = new Properties();
    p.setProperty("group.id", arguments.application);
    p.setProperty("client.id.prefix", arguments.application);
    p.setProperty("max.poll.records", "5000");
    p.setProperty("isolation.level", "read_committed");
    p.putAll(arguments.consumer);
    return p;
  }

  static Properties producer(Arguments arguments) {
    Properties p = new Properties();
    p.setProperty("acks", "all");
    p.setProperty("compression.type", "none");
    p.setProperty("linger.ms", "20");
    p.setProperty("batch.size", Integer.toString(256 * 1024));
    p.setProperty("buffer.memory", Integer.toString(64 * 1024 * 1024));
    p.setProperty("transaction.timeout.ms", Integer.toString(15 * 60 * 1000));
    p.putAll(arguments.producer);
    return p;
  }
}
