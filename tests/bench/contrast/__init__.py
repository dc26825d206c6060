# SPDX-License-Identifier: Apache-2.0
"""millrace beside Kafka Streams and Flink, on the same bytes; README.md here."""
