// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;

/** Runs the topology until SIGTERM (exit 0) or an exception of a stream thread (exit 1). */
public final class KafkaStreamsPeer {
    private static final int FAILED = 1;
    private static final int USAGE = 2;
    private static final Duration CLOSE_MAX = Duration.ofSeconds(60);

    private final Arguments arguments;
    private final CountDownLatch failed = new CountDownLatch(1);
    private final KafkaStreams streams;

    private KafkaStreamsPeer(Arguments arguments) {
        this.arguments = arguments;
        streams = new KafkaStreams(BenchTopology.of(arguments), Settings.of(arguments));
        streams.setUncaughtExceptionHandler(this::fail);
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.RUNNING) {
                Marks.running();
            }
        });
    }

    public static void main(String[] args) throws InterruptedException {
        KafkaStreamsPeer peer;
        try {
            peer = new KafkaStreamsPeer(Arguments.parse(args));
        } catch (IllegalArgumentException e) {
            System.err.println("kafka-streams peer: " + e.getMessage());
            System.exit(USAGE);
            return;
        } catch (RuntimeException e) {
            report(e);
            System.exit(FAILED);
            return;
        }
        peer.run();
    }

    private void run() throws InterruptedException {
        Runtime.getRuntime().addShutdownHook(new Thread(this::close, "close"));
        try {
            streams.start();
            Marks.started();
        } catch (RuntimeException e) {
            fail(e);
        }
        failed.await();
        System.exit(FAILED);
    }

    private StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse fail(Throwable cause) {
        report(cause);
        failed.countDown();
        return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    }

    /** The hook of every exit. It halts because after SIGTERM the JVM would end with 143. */
    private void close() {
        // A static member keeps its place for the process that follows; a dynamic one would only
        // make the others wait for its session to end.
        CloseOptions.GroupMembershipOperation membership = arguments.instance() == null
                ? CloseOptions.GroupMembershipOperation.LEAVE_GROUP
                : CloseOptions.GroupMembershipOperation.REMAIN_IN_GROUP;
        boolean closed = streams.close(
                CloseOptions.groupMembershipOperation(membership).withTimeout(CLOSE_MAX));
        if (!closed) {
            System.err.println("kafka-streams peer: not closed after " + CLOSE_MAX.toSeconds()
                    + " s");
        }
        System.err.flush();
        Runtime.getRuntime().halt(closed && failed.getCount() > 0 ? 0 : FAILED);
    }

    private static void report(Throwable cause) {
        System.err.println("kafka-streams peer: " + cause);
        cause.printStackTrace();
    }
}
