//! How long answers took, told by a histogram of sixteen.

/// The upper bounds, in milliseconds; what takes longer than the last falls beyond all of them.
pub const BOUNDS: [u64; 15] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

/// How many took as long as each bound says, and at the end how many took longer.
pub type Histogram = [i64; 16];

/// The place of a time in the histogram.
pub(super) fn place(milliseconds: u64) -> usize {
    BOUNDS.iter().position(|bound| milliseconds <= *bound).unwrap_or(BOUNDS.len())
}

/// The bound under which this share of all lies, as per mille; none where nothing was counted, and where it lies
/// beyond the last.
pub fn quantile(histogram: &[i64], per_mille: i64) -> Option<u64> {
    let all: i64 = histogram.iter().sum();
    let wanted = (all * per_mille + 999) / 1000;
    let mut counted = 0;
    let place = histogram.iter().position(|many| {
        counted += many;
        counted >= wanted
    });
    place.filter(|_| all > 0).and_then(|place| BOUNDS.get(place)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_at_the_least_bound_that_it_keeps() {
        let places = [(0, 0), (1, 0), (2, 1), (3, 2), (60_000, 14), (60_001, 15), (u64::MAX, 15)];
        for (milliseconds, expected) in places {
            assert_eq!(place(milliseconds), expected, "{milliseconds}");
        }
    }

    #[test]
    fn a_quantile_is_a_bound() {
        let mut histogram: Histogram = [0; 16];
        assert_eq!(quantile(&histogram, 500), None);
        (histogram[0], histogram[6], histogram[15]) = (90, 9, 1);
        assert_eq!(quantile(&histogram, 500), Some(1));
        assert_eq!(quantile(&histogram, 900), Some(1));
        assert_eq!(quantile(&histogram, 990), Some(100));
        assert_eq!(quantile(&histogram, 1000), None);
    }
}
