// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.time.Duration;
import java.util.Arrays;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.plugin.PluginUtils;
import org.apache.flink.runtime.entrypoint.ClusterEntrypoint;
import org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint;
import org.apache.flink.runtime.taskexecutor.TaskManagerRunner;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * The same job on a cluster of several processes: one job manager, any number of task managers, one
 * submission. {@code ROLE RPC_PORT REST_PORT} come before the arguments of {@link FlinkPeer}.
 */
public final class FlinkCluster {
  private static final int EXIT_USAGE = 2;
  private static final String HOST = "127.0.0.1";
  private static final MemorySize TASK_MEMORY = MemorySize.ofMebiBytes(256);
  private static final MemorySize FRAMEWORK_MEMORY = MemorySize.ofMebiBytes(128);
  private static final MemorySize METASPACE = MemorySize.ofMebiBytes(256);
  private static final MemorySize JVM_OVERHEAD = MemorySize.ofMebiBytes(192);
  private static final Duration FAILED_RESTART_DELAY = Duration.ofMillis(100);

  private FlinkCluster() {}

  public static void main(String[] args) throws Exception {
    try {
      run(args);
    } catch (Arguments.UsageError | NumberFormatException e) {
      System.err.println("flink cluster: " + e.getMessage());
      System.exit(EXIT_USAGE);
    }
  }

  private static void run(String[] args) throws Exception {
    if (args.length < 3) {
      throw new Arguments.UsageError("ROLE RPC_PORT REST_PORT name=value ...");
    }
    int rpcPort = Integer.parseInt(args[1]);
    int restPort = Integer.parseInt(args[2]);
    Arguments arguments = new Arguments(Arrays.copyOfRange(args, 3, args.length));
    Configuration configuration = Settings.flink(arguments, FlinkPeer.restorePath(arguments));
    address(configuration, rpcPort, restPort);
    switch (args[0]) {
      case "job-manager" ->
          ClusterEntrypoint.runClusterEntrypoint(
              new StandaloneSessionClusterEntrypoint(configuration));
      case "task-manager" -> taskManager(configuration, arguments);
      case "submit" -> submit(configuration, arguments, restPort);
      default -> throw new Arguments.UsageError("no such role: " + args[0]);
    }
  }

  private static void address(Configuration c, int rpcPort, int restPort) {
    c.set(JobManagerOptions.ADDRESS, HOST);
    c.set(JobManagerOptions.BIND_HOST, HOST);
    c.set(JobManagerOptions.PORT, rpcPort);
    c.set(TaskManagerOptions.HOST, HOST);
    c.set(TaskManagerOptions.BIND_HOST, HOST);
    c.set(RestOptions.ADDRESS, HOST);
    c.set(RestOptions.BIND_ADDRESS, HOST);
    c.set(RestOptions.PORT, restPort);
    c.set(RestOptions.BIND_PORT, Integer.toString(restPort));
    c.set(JobManagerOptions.SCHEDULER, JobManagerOptions.SchedulerType.Adaptive);
    // Begin with the slots that there are, and take new ones at the next checkpoint.
    c.set(JobManagerOptions.SCHEDULER_SUBMISSION_RESOURCE_STABILIZATION_TIMEOUT, Duration.ZERO);
    c.set(JobManagerOptions.SCHEDULER_EXECUTING_RESOURCE_STABILIZATION_TIMEOUT, Duration.ZERO);
    c.set(JobManagerOptions.SCHEDULER_EXECUTING_COOLDOWN_AFTER_RESCALING, Duration.ZERO);
    // A lost task manager is a failure: the job goes on with the slots that are left.
    c.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
    c.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS, Integer.MAX_VALUE);
    c.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY, FAILED_RESTART_DELAY);
  }

  /** What Flink's scripts work out of one process size, said part by part. */
  private static void taskManager(Configuration c, Arguments arguments) throws Exception {
    c.set(TaskManagerOptions.NUM_TASK_SLOTS, arguments.parallelism);
    c.set(TaskManagerOptions.CPU_CORES, (double) arguments.parallelism);
    c.set(TaskManagerOptions.TASK_HEAP_MEMORY, TASK_MEMORY);
    c.set(TaskManagerOptions.TASK_OFF_HEAP_MEMORY, MemorySize.ZERO);
    c.set(TaskManagerOptions.FRAMEWORK_HEAP_MEMORY, FRAMEWORK_MEMORY);
    c.set(TaskManagerOptions.FRAMEWORK_OFF_HEAP_MEMORY, FRAMEWORK_MEMORY);
    c.set(TaskManagerOptions.JVM_METASPACE, METASPACE);
    c.set(TaskManagerOptions.JVM_OVERHEAD_MIN, JVM_OVERHEAD);
    c.set(TaskManagerOptions.JVM_OVERHEAD_MAX, JVM_OVERHEAD);
    System.exit(
        TaskManagerRunner.runTaskManager(c, PluginUtils.createPluginManagerFromRootFolder(c)));
  }

  private static void submit(Configuration c, Arguments arguments, int restPort) throws Exception {
    StreamExecutionEnvironment env =
        StreamExecutionEnvironment.createRemoteEnvironment(HOST, restPort, c);
    env.setParallelism(arguments.parallelism);
    Jobs.build(env, arguments);
    JobClient job = env.executeAsync(arguments.application);
    Progress.say("started " + job.getJobID());
  }
}
