//! More that is attached than fits a record of the log.

use std::time::Duration;

use mirror_tests::binary::Finished;
use mirror_tests::sample::{Image, image};

use super::world::{SIGNATURE, mirrors, pair, referrer_rows};
use crate::requests::pair::{Pair, assert_rows};

/// Each takes some 45 bytes of a row, and a record of the log has 200 kB.
const MANY: usize = 4_600;

/// So many questions take their time where other tests run beside.
async fn sync(pair: &Pair) -> Finished {
    let done = pair.sync([]).deadline(Duration::from_mins(5)).run().await;
    done.assert_code(0);
    done
}

both_modes!(thousands_come_along_and_are_told_in_one_row);
async fn thousands_come_along_and_are_told_in_one_row() {
    let (pair, app) = (pair((true, true)), image("app"));
    pair.source.store().push("app", "1.0.0", &app);
    for number in 0..MANY {
        // They differ by what is said of them: each blob travels once.
        let signature = Image::new().layer("signed").artifact_type(SIGNATURE).subject(&app);
        let signature = signature.annotation("number", &number.to_string()).build();
        pair.source.store().put("app", &signature);
    }
    mirrors(&pair, "");
    let done = sync(&pair).await;
    assert_rows(&done, 0, &[("1.0.0", "copied")]);
    let rows = referrer_rows(&done, "1.0.0");
    assert_eq!(rows.len(), MANY);
    assert!(rows.iter().all(|row| row.ends_with(&format!(" {SIGNATURE} copied"))));
    // And again as a row that looking settles.
    let again = sync(&pair).await;
    let rows = referrer_rows(&again, "1.0.0");
    assert_eq!(rows.len(), MANY);
    assert!(rows.iter().all(|row| row.ends_with(&format!(" {SIGNATURE} skipped: up-to-date"))));
}
