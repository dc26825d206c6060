// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.util.concurrent.atomic.AtomicBoolean;

/** The lines on stdout that the harness waits for, flushed. */
final class Progress {
  private static final AtomicBoolean FIRST_RECORD_SEEN = new AtomicBoolean();

  private Progress() {}

  static void say(String line) {
    synchronized (System.out) {
      System.out.println(line);
      System.out.flush();
    }
  }

  /** Says {@code first-record} once in a process, whichever task asks first. */
  static void firstRecord() {
    if (FIRST_RECORD_SEEN.compareAndSet(false, true)) {
      say("first-record");
    }
  }
}
