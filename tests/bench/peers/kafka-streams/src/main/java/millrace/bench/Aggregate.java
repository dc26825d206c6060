// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** Count and sum per key; one output per input, with the input's key, timestamp and tag. */
final class Aggregate implements Processor<byte[], byte[], byte[], byte[]> {
    static final String STORE = "aggregate";

    private static final VarHandle INT64 =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int INPUT_TAG = 0;
    private static final int INPUT_AMOUNT = 8;
    private static final int COUNT = 0;
    private static final int SUM = 8;
    private static final int STATE_BYTES = 16;
    private static final int OUTPUT_TAG = 16;
    private static final int OUTPUT_BYTES = 24;

    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], byte[]> store;
    private boolean marked;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        this.store = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        byte[] input = record.value();
        byte[] before = store.get(record.key());
        long count = 1;
        long sum = (long) INT64.get(input, INPUT_AMOUNT);
        if (before != null) {
            count += (long) INT64.get(before, COUNT);
            sum += (long) INT64.get(before, SUM);
        }
        // Both arrays are new for every record: the store, its cache and the producer's callback
        // keep what they are given.
        byte[] output = new byte[OUTPUT_BYTES];
        INT64.set(output, COUNT, count);
        INT64.set(output, SUM, sum);
        INT64.set(output, OUTPUT_TAG, (long) INT64.get(input, INPUT_TAG));
        // Sent before the put: sending drops the raw input from the record's context, which an
        // entry of the store's cache would otherwise hold on to, uncounted by the cache's bound.
        context.forward(record.withValue(output));
        byte[] state = new byte[STATE_BYTES];
        INT64.set(state, COUNT, count);
        INT64.set(state, SUM, sum);
        store.put(record.key(), state);
        if (!marked) {
            marked = true;
            Marks.firstRecord();
        }
    }
}
