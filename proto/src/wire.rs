//! The messages and services as `build.rs` generates them of `fluxmirror/*/v1`.
#![expect(
    missing_docs,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    unused_qualifications,
    reason = "generated"
)]

pub mod job {
    pub mod v1 {
        tonic::include_proto!("fluxmirror.job.v1");
    }
}
pub mod log {
    pub mod v1 {
        tonic::include_proto!("fluxmirror.log.v1");
    }
}
pub mod worker {
    pub mod v1 {
        tonic::include_proto!("fluxmirror.worker.v1");
    }
}
pub mod control {
    pub mod v1 {
        tonic::include_proto!("fluxmirror.control.v1");
    }
}
