// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.util.concurrent.atomic.AtomicBoolean;

/** The lines on stdout by which the harness follows the program; each is printed once. */
final class Marks {
    private static final AtomicBoolean RUNNING = new AtomicBoolean();
    private static final AtomicBoolean FIRST_RECORD = new AtomicBoolean();

    private Marks() {}

    static void started() {
        print("started");
    }

    static void running() {
        if (RUNNING.compareAndSet(false, true)) {
            print("running");
        }
    }

    static void firstRecord() {
        if (FIRST_RECORD.compareAndSet(false, true)) {
            print("first-record");
        }
    }

    private static synchronized void print(String mark) {
        System.out.println(mark);
        System.out.flush();
    }
}
