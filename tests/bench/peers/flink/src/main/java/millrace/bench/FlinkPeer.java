// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.flink.client.deployment.executors.LocalExecutor;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.execution.ExecutionState;
import org.apache.flink.runtime.executiongraph.AccessExecutionGraph;
import org.apache.flink.runtime.executiongraph.AccessExecutionVertex;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.graph.StreamGraph;
import sun.misc.Signal;

/** One job on a cluster inside this process; README.md tells arguments, output and exit codes. */
public final class FlinkPeer {
  private static final int EXIT_STOPPED = 0;
  private static final int EXIT_FAILED = 1;
  private static final int EXIT_USAGE = 2;
  private static final long POLL_MS = 10;
  private static final long STOP_TIMEOUT_S = 60;

  private final Arguments arguments;
  private final AtomicReference<MiniCluster> cluster = new AtomicReference<>();
  private final CompletableFuture<Void> stopRequested = new CompletableFuture<>();

  private FlinkPeer(Arguments arguments) {
    this.arguments = arguments;
  }

  public static void main(String[] args) {
    Arguments arguments = null;
    try {
      arguments = new Arguments(args);
    } catch (Arguments.UsageError e) {
      System.err.println("flink peer: " + e.getMessage());
      System.exit(EXIT_USAGE);
    }
    try {
      new FlinkPeer(arguments).run();
    } catch (Throwable e) {
      System.err.println("flink peer: the job has failed");
      e.printStackTrace();
      // Not exit: hooks of a cluster that has failed may wait for tasks that do not end.
      Runtime.getRuntime().halt(EXIT_FAILED);
    }
    System.exit(EXIT_STOPPED);
  }

  private void run() throws Exception {
    Signal.handle(new Signal("TERM"), signal -> stopRequested.complete(null));
    Signal.handle(new Signal("INT"), signal -> stopRequested.complete(null));
    Configuration configuration = Settings.flink(arguments, restorePath(arguments));
    JobClient job = submit(configuration);
    Progress.say("started");
    CompletableFuture<?> ended = job.getJobExecutionResult();
    if (awaitRunning(job, ended)) {
      Progress.say("running");
    }
    CompletableFuture.anyOf(ended, stopRequested).get();
    if (!stopRequested.isDone()) {
      throw new IllegalStateException("the job has ended by itself");
    }
    stop(job, ended);
  }

  /** What to restore from as a URL, or null; makes the folders of the job on the way. */
  static String restorePath(Arguments arguments) throws IOException {
    Files.createDirectories(Path.of(arguments.stateDir));
    Files.createDirectories(Path.of(arguments.checkpointDir));
    if (arguments.restoreFrom == null) {
      return null;
    }
    Path path = Path.of(arguments.restoreFrom);
    if (arguments.restoreFrom.equals("latest")) {
      path = Checkpoints.newest(Path.of(arguments.checkpointDir));
    }
    return path.toAbsolutePath().toUri().toString();
  }

  private JobClient submit(Configuration configuration) throws Exception {
    StreamExecutionEnvironment env =
        StreamExecutionEnvironment.createLocalEnvironment(arguments.parallelism, configuration);
    Jobs.build(env, arguments);
    StreamGraph graph = env.getStreamGraph();
    graph.setJobName(arguments.application);
    LocalExecutor executor =
        LocalExecutor.createWithFactory(
            configuration,
            settings -> {
              cluster.set(new MiniCluster(settings));
              return cluster.get();
            });
    ClassLoader loader = FlinkPeer.class.getClassLoader();
    return executor.execute(graph, configuration, loader).get();
  }

  /** False when the job ended or a stop was asked for before all tasks ran. */
  private boolean awaitRunning(JobClient job, CompletableFuture<?> ended) throws Exception {
    while (!ended.isDone() && !stopRequested.isDone()) {
      try {
        if (allRun(cluster.get().getExecutionGraph(job.getJobID()).get())) {
          return true;
        }
      } catch (IllegalStateException | ExecutionException e) {
        // A cluster whose job has failed is closing: the job's own end tells why.
        ended.get(STOP_TIMEOUT_S, TimeUnit.SECONDS);
      }
      Thread.sleep(POLL_MS);
    }
    return false;
  }

  private static boolean allRun(AccessExecutionGraph graph) {
    int tasks = 0;
    for (AccessExecutionVertex vertex : graph.getAllExecutionVertices()) {
      if (vertex.getExecutionState() != ExecutionState.RUNNING) {
        return false;
      }
      tasks++;
    }
    return tasks > 0;
  }

  /** A last savepoint, whose outputs are committed; a job that cannot take one is cancelled. */
  private static void stop(JobClient job, CompletableFuture<?> ended) throws Exception {
    try {
      String savepoint =
          job.stopWithSavepoint(false, null, SavepointFormatType.NATIVE)
              .get(STOP_TIMEOUT_S, TimeUnit.SECONDS);
      ended.get(STOP_TIMEOUT_S, TimeUnit.SECONDS);
      Progress.say("stopped with savepoint " + savepoint);
    } catch (ExecutionException | TimeoutException e) {
      System.err.println("flink peer: no last savepoint: " + e);
      job.cancel().get(STOP_TIMEOUT_S, TimeUnit.SECONDS);
      Progress.say("stopped by cancelling");
    }
  }
}
