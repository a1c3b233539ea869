# SPDX-License-Identifier: BSD-2-Clause
"""What scripts/genapi.py makes: one module per reader of the description."""
