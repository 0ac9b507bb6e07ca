//! Generated gRPC bindings of `berth.*.v1` and nothing else.
//!
//! The sources are the files of `proto/`; their comments are the reference documentation.

/// Every file of `proto/`, encoded as a `FileDescriptorSet`, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/berth.bin"));

/// `berth.boot.v1`: bootd.
pub mod boot {
    tonic::include_proto!("berth.boot.v1");
}
/// `berth.supervisor.v1`: supervisord-rs.
pub mod supervisor {
    tonic::include_proto!("berth.supervisor.v1");
}
/// `berth.proxy.v1`: proxyd.
pub mod proxy {
    tonic::include_proto!("berth.proxy.v1");
}
/// `berth.tunnel.v1`: tunneld.
pub mod tunnel {
    tonic::include_proto!("berth.tunnel.v1");
}
/// `berth.gpu.v1`: gpuprobe.
pub mod gpu {
    tonic::include_proto!("berth.gpu.v1");
}
/// `berth.portal.v1`: portald.
pub mod portal {
    tonic::include_proto!("berth.portal.v1");
}
