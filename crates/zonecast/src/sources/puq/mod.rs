//! An installation of PUQ's Proxmox KVM module for WHMCS, read from an export of its tables.
//!
//! `tables` and `sql` read files, `rows` says what the rows mean. Names of tables, states of VMs, the
//! columns of `puqProxmoxKVM_vm_info` and the answer of `dns.php` are those that PUQ's public manual
//! shows (github.com/puqcloud/WHMCS-Module-Proxmox-KVM, April 2026); how the columns of its zones and
//! pools are called it does not say, so they are known by the labels of its forms, in any spelling, and
//! may stand in a column of JSON.

mod rows;
mod sql;
mod tables;

pub use rows::Export;
