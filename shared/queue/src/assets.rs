//! Streams and consumers: what they are called, how they are kept, and making and comparing them.
//!
//! What is absent is made; what is there is compared, field by field, and never changed.

use std::time::Duration;

use jiff::Timestamp;
use mirror_model::RunId;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::call::{api_subject, codes};
use crate::{LogOptions, LogSubject, Nats, QueueError, Region};

/// The stream of the log.
pub(crate) const LOG: &str = "FM_RUNLOG";
/// All that is said in the log.
pub(crate) const LOG_SUBJECTS: &str = "fm.v1.log.*";
/// The one consumer of a work queue.
pub(crate) const CONSUMER: &str = "copy";

const LOG_PREFIX: &str = "fm.v1.log.";
const LEADER: &str = "leader";

/// A job that nobody copied in a day is of a run that is long forgotten.
const JOB_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// A publish is tried again within seconds; five minutes outlast an outage that anybody waits out.
const DUPLICATES: Duration = Duration::from_secs(5 * 60);
/// The most jobs that workers of a region have at once.
const MOST_ACK_PENDING: u64 = 512;
/// The most pulls that wait at once: a few for each of hundreds of workers.
const MOST_WAITING: u64 = 2048;

/// Returns the stream of a region's jobs.
pub(crate) fn jobs(region: &Region) -> String {
    format!("FM_JOBS_{region}")
}

/// Returns the subject of a run's jobs in a region.
pub(crate) fn job_subject(region: &Region, run: RunId) -> String {
    format!("fm.v1.job.{region}.{}", ulid::Ulid(run.0))
}

/// Returns the subject of a part of the log.
pub(crate) fn log_subject(subject: LogSubject) -> String {
    match subject {
        LogSubject::Leader => format!("{LOG_PREFIX}{LEADER}"),
        LogSubject::Run(run) => format!("{LOG_PREFIX}{}", ulid::Ulid(run.0)),
    }
}

/// Reads what [`log_subject`] wrote.
pub(crate) fn read_log_subject(text: &str) -> Option<LogSubject> {
    let rest = text.strip_prefix(LOG_PREFIX)?;
    if rest == LEADER {
        return Some(LogSubject::Leader);
    }
    Some(LogSubject::Run(RunId(ulid::Ulid::from_string(rest).ok()?.0)))
}

/// Returns how the stream of the log is kept.
pub(crate) fn log_config(options: LogOptions) -> Value {
    json!({
        "name": LOG,
        "subjects": [LOG_SUBJECTS],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": options.replicas,
        "max_bytes": options.max_bytes,
        // Each of these would forget what must be remembered.
        "max_age": 0,
        "max_msgs": -1,
        "max_msgs_per_subject": -1,
        "allow_direct": true,
        "deny_purge": false,
        "sealed": false,
        "no_ack": false,
    })
}

/// Returns how the stream of a region's jobs is kept.
pub(crate) fn jobs_config(region: &Region, replicas: usize) -> Value {
    json!({
        "name": jobs(region),
        "subjects": [format!("fm.v1.job.{region}.*")],
        "retention": "workqueue",
        "storage": "file",
        "discard": "new",
        "num_replicas": replicas,
        "max_age": nanoseconds(JOB_AGE),
        "duplicate_window": nanoseconds(DUPLICATES),
        "deny_purge": true,
        "sealed": false,
        "no_ack": false,
    })
}

/// Returns how the consumer of a region's jobs is kept.
pub(crate) fn consumer_config(ack_wait: Duration) -> Value {
    json!({
        "durable_name": CONSUMER,
        "name": CONSUMER,
        "deliver_policy": "all",
        "replay_policy": "instant",
        "ack_policy": "explicit",
        "ack_wait": nanoseconds(ack_wait),
        "max_deliver": -1,
        "max_ack_pending": MOST_ACK_PENDING,
        "max_waiting": MOST_WAITING,
        "filter_subject": "",
    })
}

/// What the server says of a stream.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamInfo {
    pub(crate) config: Map<String, Value>,
    /// In nanoseconds since 1970.
    #[serde(deserialize_with = "since_1970")]
    pub(crate) created: i128,
    pub(crate) state: StreamState,
    /// The server's clock when it answered, in nanoseconds since 1970; servers before 2.10 do not tell.
    #[serde(default, rename = "ts", deserialize_with = "maybe_since_1970")]
    pub(crate) now: Option<i128>,
}

/// What a stream holds.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamState {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
}

/// What the server says of a consumer.
#[derive(Debug, Deserialize)]
pub(crate) struct ConsumerInfo {
    #[serde(default)]
    pub(crate) config: Map<String, Value>,
    #[serde(default)]
    pub(crate) num_pending: u64,
    #[serde(default)]
    pub(crate) num_ack_pending: u64,
}

impl Nats {
    /// Returns what there is of a stream; `None` where there is none.
    pub(crate) async fn stream_info(&self, stream: &str) -> Result<Option<StreamInfo>, QueueError> {
        let call = format!("STREAM.INFO.{stream}");
        match self.api(&call, &json!({})).await? {
            Ok(info) => Ok(Some(info)),
            Err(refusal) if refusal.code == codes::STREAM_NOT_FOUND => Ok(None),
            Err(refusal) => Err(refusal.into_error(stream, &api_subject(&call))),
        }
    }

    /// Returns what there is of a consumer; `None` where there is none, or no stream.
    pub(crate) async fn consumer_info(
        &self,
        stream: &str,
    ) -> Result<Option<ConsumerInfo>, QueueError> {
        let call = format!("CONSUMER.INFO.{stream}.{CONSUMER}");
        match self.api(&call, &json!({})).await? {
            Ok(info) => Ok(Some(info)),
            Err(refusal)
                if [codes::STREAM_NOT_FOUND, codes::CONSUMER_NOT_FOUND].contains(&refusal.code) =>
            {
                Ok(None)
            }
            Err(refusal) => Err(refusal.into_error(stream, &api_subject(&call))),
        }
    }

    /// Makes a stream where there is none, and compares it.
    pub(crate) async fn make_stream(&self, config: &Value) -> Result<StreamInfo, QueueError> {
        let stream = config["name"].as_str().unwrap_or_default();
        let info = match self.stream_info(stream).await? {
            Some(info) => info,
            None => {
                let call = format!("STREAM.CREATE.{stream}");
                match self.api::<StreamInfo>(&call, config).await? {
                    Ok(info) => info,
                    Err(refusal) => return Err(refusal.into_error(stream, &api_subject(&call))),
                }
            }
        };
        compare(&format!("stream {stream}"), &info.config, config)?;
        Ok(info)
    }

    /// Makes the consumer of a stream where there is none, and compares it.
    pub(crate) async fn make_consumer(
        &self,
        stream: &str,
        config: &Value,
    ) -> Result<(), QueueError> {
        let info = match self.consumer_info(stream).await? {
            Some(info) => info,
            None => {
                let call = format!("CONSUMER.CREATE.{stream}.{CONSUMER}");
                let body = json!({"stream_name": stream, "config": config, "action": "create"});
                match self.api::<ConsumerInfo>(&call, &body).await? {
                    Ok(info) => info,
                    Err(refusal) => return Err(refusal.into_error(stream, &api_subject(&call))),
                }
            }
        };
        compare(&format!("consumer {CONSUMER} of {stream}"), &info.config, config)
    }
}

/// Says which field of an asset is not as expected. What the server leaves out is off, zero or empty.
fn compare(asset: &str, found: &Map<String, Value>, expected: &Value) -> Result<(), QueueError> {
    for (field, expected) in expected.as_object().into_iter().flatten() {
        let found = found.get(field).unwrap_or(&Value::Null);
        if found != expected && !(is_nothing(found) && is_nothing(expected)) {
            return Err(QueueError::Differs {
                asset: asset.to_owned(),
                field: field.clone(),
                found: found.to_string(),
                expected: expected.to_string(),
            });
        }
    }
    Ok(())
}

fn since_1970<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i128, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time: Timestamp = text.parse().map_err(serde::de::Error::custom)?;
    Ok(time.as_nanosecond())
}

fn maybe_since_1970<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i128>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse::<Timestamp>().ok()).map(Timestamp::as_nanosecond))
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is) => !is,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: &Value, expected: &Value, field: Option<&str>) {
        let compared = compare("it", found.as_object().unwrap(), expected);
        let differs = match compared {
            Err(QueueError::Differs { field, .. }) => Some(field),
            Ok(()) | Err(_) => None,
        };
        assert_eq!(differs.as_deref(), field, "{found} {expected}");
    }

    #[test]
    fn each_field_that_we_set_is_compared() {
        check(&json!({"a": 1, "b": 2}), &json!({"a": 1}), None);
        check(&json!({"a": 1}), &json!({"a": 2}), Some("a"));
        check(&json!({}), &json!({"a": 2}), Some("a"));
        check(&json!({}), &json!({"a": 0, "b": false, "c": ""}), None);
        check(&json!({"a": true}), &json!({"a": false}), Some("a"));
        check(&json!({"a": ["x"]}), &json!({"a": ["x", "y"]}), Some("a"));
    }

    #[test]
    fn subjects_of_the_log_are_read_back() {
        for subject in
            [LogSubject::Leader, LogSubject::Run(RunId(7)), LogSubject::Run(RunId(u128::MAX))]
        {
            assert_eq!(read_log_subject(&log_subject(subject)), Some(subject));
        }
        assert_eq!(read_log_subject("fm.v1.log.other"), None);
        assert_eq!(read_log_subject("leader"), None);
    }
}
