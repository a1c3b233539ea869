# SPDX-License-Identifier: BSD-2-Clause
"""The driver of `make bench`: servers, cases, measuring, reporting. Standard library only."""
