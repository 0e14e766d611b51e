//! How the caches do.

use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::platform::hearing::Hearing;
use crate::platform::metrics::Metrics;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabel {
    cache: &'static str,
}

/// What is counted of one cache.
#[derive(Debug, Default)]
pub(super) struct CacheMetrics {
    pub(super) hits: Counter,
    pub(super) misses: Counter,
    pub(super) bypasses: Counter,
    pub(super) invalidations: Counter,
}

/// What is counted of all of them.
#[derive(Default)]
pub(super) struct CachesMetrics {
    hits: Family<CacheLabel, Counter>,
    misses: Family<CacheLabel, Counter>,
    bypasses: Family<CacheLabel, Counter>,
    invalidations: Family<CacheLabel, Counter>,
}

impl CachesMetrics {
    /// Shows them, and for how long nothing has been heard.
    pub(super) fn register(hearing: Arc<Hearing>, metrics: &Metrics) -> Self {
        let own = Self::default();
        for (name, help, family) in [
            ("cache_hits", "What was remembered", &own.hits),
            ("cache_misses", "What had to be asked for", &own.misses),
            ("cache_bypasses", "What had to be asked for since nothing was heard lately", &own.bypasses),
            ("cache_invalidations", "What was forgotten because it changed", &own.invalidations),
        ] {
            metrics.register(name, help, family.clone());
        }
        let help = "Seconds since it was last heard what other nodes changed";
        metrics.register("cache_silence_seconds", help, Silence(hearing));
        own
    }

    /// Those of one cache.
    pub(super) fn of(&self, cache: &'static str) -> CacheMetrics {
        let own = |family: &Family<CacheLabel, Counter>| family.get_or_create(&CacheLabel { cache }).clone();
        CacheMetrics {
            hits: own(&self.hits),
            misses: own(&self.misses),
            bypasses: own(&self.bypasses),
            invalidations: own(&self.invalidations),
        }
    }
}

/// Read off when it is asked for.
#[derive(Debug)]
struct Silence(Arc<Hearing>);

impl EncodeMetric for Silence {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.encode_gauge(&self.0.silence().as_secs_f64())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}
