//! The exit code of a run.

use mirror_model::Summary;

/// Returns the code to exit with: `drift` in place of 2, where tags drifted and nothing failed.
///
/// The report's own `exitCode` does not know of `drift`: it says what happened, not what the caller
/// makes of it.
pub fn exit_code(summary: &Summary, drift: u8) -> u8 {
    match summary.exit_code() {
        2 => drift,
        code => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_drift_is_for_the_caller_to_name() {
        let check = |failed, drifted, drift, expected| {
            let summary = Summary { failed, drifted, ..Summary::default() };
            assert_eq!(exit_code(&summary, drift), expected);
        };
        check(0, 0, 7, 0);
        check(0, 1, 2, 2);
        check(0, 1, 0, 0);
        check(0, 1, 255, 255);
        check(1, 1, 0, 1);
        check(1, 0, 7, 1);
    }
}
