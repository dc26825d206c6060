// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The command line: {@code name=value}, each name once. Anything else is a {@link UsageError}. */
final class Arguments {
  enum Cell { AGGREGATE, PASS_THROUGH }

  enum Delivery { EXACTLY_ONCE, AT_LEAST_ONCE }

  enum Store { HEAP, ROCKSDB }

  /** What the caller has to mend on the command line; ends the process with 2. */
  static final class UsageError extends Exception {
    private static final long serialVersionUID = 1L;

    UsageError(String message) {
      super(message);
    }
  }

  private static final Set<String> REQUIRED =
      Set.of("bootstrap", "input", "output", "application", "cell", "delivery",
          "checkpoint_interval_ms", "parallelism", "store", "state_dir", "checkpoint_dir");
  private static final Set<String> OPTIONAL = Set.of("restore_from");

  final String bootstrap;
  final String input;
  final String output;
  final String application;
  final Cell cell;
  final Delivery delivery;
  final int checkpointIntervalMs;
  final int parallelism;
  final Store store;
  final String stateDir;
  final String checkpointDir;

  /** A path, {@code latest}, or null for a start without state. */
  final String restoreFrom;

  /** Settings that replace the chosen ones: of Flink, the producers and the consumers. */
  final Map<String, String> flink = new TreeMap<>();
  final Map<String, String> producer = new TreeMap<>();
  final Map<String, String> consumer = new TreeMap<>();

  Arguments(String[] args) throws UsageError {
    Map<String, String> values = new HashMap<>();
    for (String argument : args) {
      add(argument, values);
    }
    for (String name : REQUIRED) {
      if (!values.containsKey(name)) {
        throw new UsageError("missing: " + name + "=");
      }
    }
    bootstrap = values.get("bootstrap");
    input = values.get("input");
    output = values.get("output");
    application = values.get("application");
    cell = choice("cell", values, Cell.class);
    delivery = choice("delivery", values, Delivery.class);
    checkpointIntervalMs = positive("checkpoint_interval_ms", values);
    parallelism = positive("parallelism", values);
    store = choice("store", values, Store.class);
    stateDir = values.get("state_dir");
    checkpointDir = values.get("checkpoint_dir");
    restoreFrom = values.get("restore_from");
  }

  private void add(String argument, Map<String, String> values) throws UsageError {
    int equals = argument.indexOf('=');
    if (equals <= 0 || equals == argument.length() - 1) {
      throw new UsageError("not name=value: " + argument);
    }
    String name = argument.substring(0, equals);
    String value = argument.substring(equals + 1);
    Map<String, String> target = values;
    String key = name;
    if (name.startsWith("flink.")) {
      target = flink;
      key = name.substring("flink.".length());
    } else if (name.startsWith("producer.")) {
      target = producer;
      key = name.substring("producer.".length());
    } else if (name.startsWith("consumer.")) {
      target = consumer;
      key = name.substring("consumer.".length());
    } else if (!REQUIRED.contains(name) && !OPTIONAL.contains(name)) {
      throw new UsageError("unknown: " + name);
    }
    if (target.put(key, value) != null) {
      throw new UsageError("twice: " + name);
    }
  }

  private static <E extends Enum<E>> E choice(
      String name, Map<String, String> values, Class<E> type) throws UsageError {
    String value = values.get(name);
    StringBuilder allowed = new StringBuilder();
    for (E constant : type.getEnumConstants()) {
      String word = constant.name().toLowerCase(java.util.Locale.ROOT);
      if (type == Cell.class) {
        word = word.replace('_', '-');
      }
      if (word.equals(value)) {
        return constant;
      }
      allowed.append(allowed.length() == 0 ? "" : " or ").append(word);
    }
    throw new UsageError(name + " is " + allowed + ", not " + value);
  }

  private static int positive(String name, Map<String, String> values) throws UsageError {
    try {
      int number = Integer.parseInt(values.get(name));
      if (number > 0) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Answered below, like a number that is too small.
    }
    throw new UsageError(name + " is a number above 0, not " + values.get(name));
  }
}
