# SPDX-License-Identifier: Apache-2.0
"""The one exception of this package: what happened, where, and what to do."""


class BenchError(Exception):
    pass
