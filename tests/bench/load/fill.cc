// SPDX-License-Identifier: Apache-2.0
#include "fill.h"

#include "bench/kafka/bulk_producer.h"
#include "bench/kafka/topics.h"
#include "record_batch.h"
#include "schedule.h"

namespace millrace::load {
namespace {

// Hands every record to the expectation and, in batches, to `send`.
template <class Send>
Expected ForEachBatch(const FillSpec& spec, const Send& send) {
  const Records records(spec.record);
  RecordBatch batch(&records);
  Expectation expectation(spec.record.keys);
  const int64_t end = spec.first_tag + spec.records;
  for (int64_t index = spec.first_tag; index < end; ++index) {
    const RecordHead head = records.Head(index);
    batch.Append(index, head);
    expectation.Add(head, batch.key(), batch.value(), records.value_bytes());
    if (!batch.full() && index + 1 < end) continue;
    bench::EndIfInterrupted();
    send(&batch);
    batch.Clear();
  }
  return expectation.Result();
}

}  // namespace

Filled Fill(const FillSpec& spec) {
  bench::EnsureTopic(spec.brokers, spec.topic, spec.partitions);
  Filled filled;
  filled.offsets_before = bench::CountOffsets(bench::Retained(spec.brokers, spec.topic));
  bench::BulkProducer producer(spec.brokers, spec.topic);
  const int64_t began_ns = NowNs();
  filled.expected = ForEachBatch(
      spec, [&](RecordBatch* batch) { producer.Send(batch->messages(), batch->count()); });
  producer.Finish();
  filled.seconds = static_cast<double>(NowNs() - began_ns) / 1e9;
  const int64_t there =
      bench::CountOffsets(bench::Retained(spec.brokers, spec.topic)) - filled.offsets_before;
  bench::Require(there == spec.records, spec.topic + " has grown by " + std::to_string(there) +
                                            " records, not by " + std::to_string(spec.records) +
                                            "; does somebody else write to it?");
  return filled;
}

Expected Expect(const FillSpec& spec) {
  return ForEachBatch(spec, [](RecordBatch*) {});
}

}  // namespace millrace::load
