# SPDX-License-Identifier: Apache-2.0
"""Driving networks on slimpilot's engine; see __init__.pyi for what there is."""

from slimpilot._slimpilot import Error, Output, Session, Tensor

__all__ = ["Error", "Output", "Session", "Tensor"]
