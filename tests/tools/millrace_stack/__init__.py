# SPDX-License-Identifier: Apache-2.0
"""Real Kafka and Redis for tests; `tests/tools/README.md` says what they are set to."""
from .errors import StackError
from .kafka_admin import KafkaAdmin
from .stack import Stack, default_folder

__all__ = ["KafkaAdmin", "Stack", "StackError", "default_folder"]
