# SPDX-License-Identifier: Apache-2.0
"""The one exception of this package: a message that says what happened, where, and what to do."""


class StackError(Exception):
    pass
