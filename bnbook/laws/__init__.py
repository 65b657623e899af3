"""Closed forms of batch normalization: those here, and in `noise` those of its statistics."""

from bnbook.laws.exact import (
    batch_jacobian,
    batch_norm_backward,
    curvature_gauge,
    effective_count,
    ema_lag,
    gradient_growth,
    kept_share,
    linear_growth,
    naive_normalization,
    newton_variance,
    scale_gauge,
    small_batch_law,
    whitened_covariance,
)

__all__ = [
    "batch_jacobian",
    "batch_norm_backward",
    "curvature_gauge",
    "effective_count",
    "ema_lag",
    "gradient_growth",
    "kept_share",
    "linear_growth",
    "naive_normalization",
    "newton_variance",
    "scale_gauge",
    "small_batch_law",
    "whitened_covariance",
]
