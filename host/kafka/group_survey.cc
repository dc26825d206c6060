// SPDX-License-Identifier: Apache-2.0
#include "kafka/group_survey.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "kafka/client.h"
#include "kafka/offset_list.h"

namespace millrace::kafka {
namespace {

constexpr int kCallTimeoutMs = 10'000;
constexpr int kCommittedTimeoutMs = 20'000;  // above what a dead owner's transaction may take

using GroupListPtr =
    std::unique_ptr<const rd_kafka_group_list, DestroyWith<rd_kafka_group_list_destroy>>;

class Survey {
 public:
  Survey(const Client& client, std::string group)
      : rk_(client.get()), servers_(client.servers()), group_(std::move(group)) {}

  Status AddPartitions(const std::string& topic, GroupSurvey* survey) {
    const TopicPtr handle(rd_kafka_topic_new(rk_, topic.c_str(), nullptr));
    if (!handle) return Failed("topic " + topic, rd_kafka_last_error());
    const rd_kafka_metadata_t* raw = nullptr;
    const auto error = rd_kafka_metadata(rk_, 0, handle.get(), &raw, kCallTimeoutMs);
    const MetadataPtr metadata(raw);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed("topic " + topic, error);
    const rd_kafka_metadata_topic_t& found = metadata->topics[0];
    if (found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
      return Fatal("input topic " + topic + " does not exist; nothing can be read from it");
    }
    if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed("topic " + topic, found.err);
    for (int i = 0; i < found.partition_cnt; ++i) {
      InputPartition partition{.at = {topic, found.partitions[i].id}, .committed = {}};
      if (Status read = ReadRange(&partition); !read) return read;
      survey->partitions.push_back(std::move(partition));
    }
    return {};
  }

  Status ReadCommitted(GroupSurvey* survey) {
    const PartitionListPtr list = NewPartitionList(static_cast<int>(survey->partitions.size()));
    for (const InputPartition& partition : survey->partitions) {
      rd_kafka_topic_partition_list_add(list.get(), partition.at.topic.c_str(),
                                        partition.at.partition);
    }
    const auto error = rd_kafka_committed(rk_, list.get(), kCommittedTimeoutMs);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed("the offsets of " + group_, error);
    for (InputPartition& partition : survey->partitions) {
      const auto* found = rd_kafka_topic_partition_list_find(list.get(), partition.at.topic.c_str(),
                                                             partition.at.partition);
      if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return Failed("the offsets of " + group_, found->err);
      }
      CommittedOffset committed = CommittedIn(*found);
      partition.committed = committed.offset;
      partition.metadata = std::move(committed.metadata);
    }
    return {};
  }

  Status ReadMembers(GroupSurvey* survey) {
    const rd_kafka_group_list* raw = nullptr;
    const auto error = rd_kafka_list_groups(rk_, group_.c_str(), &raw, kCallTimeoutMs);
    const GroupListPtr list(raw);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed("group " + group_, error);
    for (int i = 0; i < list->group_cnt; ++i) {
      const rd_kafka_group_info& group = list->groups[i];
      if (group.err != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed("group " + group_, group.err);
      for (int m = 0; m < group.member_cnt; ++m) {
        survey->members.push_back(std::string(group.members[m].client_id) + " (" +
                                  group.members[m].client_host + ")");
      }
    }
    std::sort(survey->members.begin(), survey->members.end());
    return {};
  }

 private:
  Status ReadRange(InputPartition* partition) {
    const auto error =
        rd_kafka_query_watermark_offsets(rk_, partition->at.topic.c_str(), partition->at.partition,
                                         &partition->earliest, &partition->end, kCallTimeoutMs);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    return Failed("the retained range of " + partition->at.topic + "/" +
                      std::to_string(partition->at.partition),
                  error);
  }

  Error Failed(const std::string& what, rd_kafka_resp_err_t error) const {
    const std::string text =
        what + " cannot be looked at: kafka at " + servers_ + ": " + rd_kafka_err2str(error);
    const bool forbidden = error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                           error == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
                           error == RD_KAFKA_RESP_ERR__INVALID_ARG;
    return forbidden ? Fatal(text) : Retriable(text);
  }

  rd_kafka_t* rk_;
  std::string servers_;
  std::string group_;
};

}  // namespace

Result<GroupSurvey> SurveyGroup(const ClientOptions& options, const std::string& group,
                                const std::vector<std::string>& topics) {
  ConfBuilder conf(options.properties);
  conf.Set("group.id", group);
  conf.Set("enable.auto.commit", "false");
  conf.Set("isolation.level", "read_committed");
  conf.SetDefault("allow.auto.create.topics", "false");
  const auto client = Client::Create(RD_KAFKA_CONSUMER, std::move(conf), options, nullptr);
  if (!client) return client.error();
  Survey look(**client, group);
  GroupSurvey survey;
  for (const std::string& topic : topics) {
    if (const Status added = look.AddPartitions(topic, &survey); !added) return added.error();
  }
  if (const Status read = look.ReadMembers(&survey); !read) return read.error();
  if (!survey.members.empty()) return survey;  // their offsets move
  if (const Status read = look.ReadCommitted(&survey); !read) return read.error();
  return survey;
}

}  // namespace millrace::kafka
