//! Whatever the bytes are, reading them ends, in an error at worst; and what a later version sends is
//! told from what is broken.

use mirror_proto::wire::job::v1 as job;
use mirror_proto::{
    Invalid, MAX_BATCH_BYTES, MAX_JOB_BYTES, decode_batch, decode_job, decode_job_name,
    encode_batch, encode_job, submitted_from, submitted_to,
};
use proptest::prelude::{ProptestConfig, any, proptest};
use prost::Message as _;

use crate::sample;

fn compress(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 1).unwrap()
}

proptest! {
    // Values are large, and each law is about fields, not about numbers of them.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode_job(&bytes);
        let _ = decode_batch(&bytes);
        let _ = decode_batch(&compress(&bytes));
    }

    #[test]
    fn damaged_messages_are_read_without_a_panic(at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        for job in [sample::job(), sample::job_with_referrers()] {
            let mut message = encode_job(&job).unwrap();
            let place = at.index(message.len());
            message[place] = byte;
            let _ = decode_job(&message);
        }

        let mut batch = encode_batch(&sample::records());
        let mut plain = zstd::decode_all(batch.as_slice()).unwrap();
        let place = at.index(plain.len());
        plain[place] = byte;
        let _ = decode_batch(&compress(&plain));
        let place = at.index(batch.len());
        batch[place] = byte;
        let _ = decode_batch(&batch);

        let mut request = submitted_to(&sample::run()).unwrap().encode_to_vec();
        let place = at.index(request.len());
        request[place] = byte;
        if let Ok(request) = prost::Message::decode(request.as_slice()) {
            let _ = submitted_from(request);
        }
    }
}

#[test]
fn fields_of_a_later_version_are_passed_over() {
    let mut message = encode_job(&sample::job()).unwrap();
    // Field 100, a text of 2 bytes.
    message.extend([0xa2, 0x06, 2, b'h', b'i']);
    assert_eq!(decode_job(&message).unwrap(), sample::job());
}

#[test]
fn work_of_a_later_version_is_named_and_can_be_given_back() {
    let known = encode_job(&sample::job()).unwrap();
    let mut message =
        job::Job { work: None, ..job::Job::decode(known.as_slice()).unwrap() }.encode_to_vec();
    // Field 19, an empty message: an arm of `work` that is not known yet.
    message.extend([0x9a, 0x01, 0]);
    let error = decode_job(&message).unwrap_err();
    assert!(matches!(&error, Invalid::Value { field, .. } if field == "job.work"), "{error}");
    assert_eq!(decode_job_name(&message).unwrap(), (sample::RUN, sample::job_id()));
}

#[test]
fn records_of_a_later_version_are_named() {
    // A record with field 100 alone, after one that is known.
    let batch = [0x0a, 2, 0x4a, 0, 0x0a, 3, 0xa2, 0x06, 0];
    let error = decode_batch(&compress(&batch)).unwrap_err();
    assert!(matches!(&error, Invalid::Value { field, .. } if field == "records[1]"), "{error}");
}

#[test]
fn a_bomb_is_not_unpacked() {
    let bomb = compress(&vec![0; 64 << 20]);
    let most = MAX_BATCH_BYTES;
    let expected = Invalid::TooLarge { field: "batch".to_owned(), size: most + 1, most };
    assert_eq!(decode_batch(&bomb).unwrap_err(), expected);
}

#[test]
fn what_is_no_message_is_said_to_be_none() {
    assert_eq!(decode_job(&[0xff]).unwrap_err(), Invalid::Bytes { message: "job" });
    assert_eq!(decode_batch(&[0xff]).unwrap_err(), Invalid::Bytes { message: "batch" });
    assert_eq!(decode_batch(&compress(&[0xff])).unwrap_err(), Invalid::Bytes { message: "batch" });
    let size = MAX_JOB_BYTES + 1;
    let expected = Invalid::TooLarge { field: "job".to_owned(), size, most: MAX_JOB_BYTES };
    assert_eq!(decode_job(&vec![0; size]).unwrap_err(), expected);
}
