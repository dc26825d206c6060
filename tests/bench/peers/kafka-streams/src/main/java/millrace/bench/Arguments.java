// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The `name=value` arguments of the program. An error is thrown as IllegalArgumentException. */
record Arguments(
        String bootstrap,
        String input,
        String output,
        String application,
        Cell cell,
        Delivery delivery,
        long commitIntervalMs,
        int threads,
        Store store,
        String stateDir,
        long cacheBytes,
        int sessionTimeoutMs,
        int heartbeatIntervalMs,
        String instance) {

    enum Cell { AGGREGATE, PASS_THROUGH }

    enum Delivery { EXACTLY_ONCE, AT_LEAST_ONCE }

    enum Store { ROCKSDB, MEMORY }

    private static final String INSTANCE = "instance";
    private static final Set<String> REQUIRED = Set.of(
            "bootstrap", "input", "output", "application", "cell", "delivery",
            "commit_interval_ms", "threads", "store", "state_dir", "cache_bytes",
            "session_timeout_ms", "heartbeat_interval_ms");

    static Arguments parse(String[] args) {
        Map<String, String> values = split(args);
        Set<String> missing = new TreeSet<>(REQUIRED);
        missing.removeAll(values.keySet());
        if (!missing.isEmpty()) {
            throw new IllegalArgumentException("missing: " + String.join(", ", missing));
        }
        return new Arguments(
                values.get("bootstrap"),
                values.get("input"),
                values.get("output"),
                values.get("application"),
                choice(Cell.class, "cell", values),
                choice(Delivery.class, "delivery", values),
                number("commit_interval_ms", values, 1, Long.MAX_VALUE),
                (int) number("threads", values, 1, Integer.MAX_VALUE),
                choice(Store.class, "store", values),
                values.get("state_dir"),
                number("cache_bytes", values, 0, Long.MAX_VALUE),
                (int) number("session_timeout_ms", values, 1, Integer.MAX_VALUE),
                (int) number("heartbeat_interval_ms", values, 1, Integer.MAX_VALUE),
                values.get(INSTANCE));
    }

    private static Map<String, String> split(String[] args) {
        Map<String, String> values = new HashMap<>();
        for (String arg : args) {
            int equals = arg.indexOf('=');
            String name = equals < 0 ? arg : arg.substring(0, equals);
            if (!REQUIRED.contains(name) && !name.equals(INSTANCE)) {
                throw new IllegalArgumentException("unknown: " + name);
            }
            if (equals < 0 || equals == arg.length() - 1) {
                throw new IllegalArgumentException(name + " has no value");
            }
            if (values.put(name, arg.substring(equals + 1)) != null) {
                throw new IllegalArgumentException(name + " is given twice");
            }
        }
        return values;
    }

    /** The constant whose name in lower case, `_` or `-` between its words, is the value. */
    private static <E extends Enum<E>> E choice(
            Class<E> type, String name, Map<String, String> values) {
        List<String> spellings = new ArrayList<>();
        for (E constant : type.getEnumConstants()) {
            String lower = constant.name().toLowerCase(Locale.ROOT);
            String spelling = type == Cell.class ? lower.replace('_', '-') : lower;
            if (spelling.equals(values.get(name))) {
                return constant;
            }
            spellings.add(spelling);
        }
        throw new IllegalArgumentException(
                name + " is one of " + String.join("|", spellings) + ", not " + values.get(name));
    }

    private static long number(String name, Map<String, String> values, long least, long most) {
        try {
            long value = Long.parseLong(values.get(name));
            if (value >= least && value <= most) {
                return value;
            }
        } catch (NumberFormatException e) {
            // Told below, with the bounds.
        }
        throw new IllegalArgumentException(name + " is a whole number from " + least + " to "
                + most + ", not " + values.get(name));
    }
}
