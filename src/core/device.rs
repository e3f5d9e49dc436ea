//! Where a tensor lives. A device is a name here; memory and adapters are floor 2's.

use std::fmt;

use super::spoken;
use crate::bail;
use crate::error::Result;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DeviceKind {
    Cpu,
    Gpu,
    /// PyTorch's device types that rustgrad knows by name only, so that `torch.device("cuda")` can be
    /// built and compared; nothing can be placed there.
    Cuda,
    Mps,
    /// Nowhere: tensors have all but elements.
    Meta,
}

impl DeviceKind {
    pub const ALL: [DeviceKind; 5] =
        [DeviceKind::Cpu, DeviceKind::Gpu, DeviceKind::Cuda, DeviceKind::Mps, DeviceKind::Meta];

    /// As programs and messages call it: the GPU is `cuda` in a PyTorch program that runs on one.
    pub fn name(self) -> &'static str {
        if self == DeviceKind::Gpu && spoken::gpu_as_cuda() { "cuda" } else { self.plain_name() }
    }

    /// The name that means the same in every program.
    pub const fn plain_name(self) -> &'static str {
        match self {
            DeviceKind::Cpu => "cpu",
            DeviceKind::Gpu => "gpu",
            DeviceKind::Cuda => "cuda",
            DeviceKind::Mps => "mps",
            DeviceKind::Meta => "meta",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Device {
    pub kind: DeviceKind,
    pub index: Option<u8>,
}

impl Device {
    pub const CPU: Device = Device { kind: DeviceKind::Cpu, index: None };
    pub const GPU: Device = Device { kind: DeviceKind::Gpu, index: None };
    pub const META: Device = Device { kind: DeviceKind::Meta, index: None };

    /// Whether elements are in main memory, where the CPU's kernels find them. Whatever is about to read or write them asks this
    /// and no other question: a device that is not the CPU is handled away from the short ways.
    #[inline]
    pub fn is_cpu(self) -> bool {
        self.kind == DeviceKind::Cpu
    }

    /// Whether there are no elements anywhere.
    #[inline]
    pub fn is_meta(self) -> bool {
        self.kind == DeviceKind::Meta
    }

    /// Where numbers that go to this device are made or drawn: the CPU, which sends them; on `meta` there are none to make.
    #[inline]
    #[must_use]
    pub fn source(self) -> Device {
        if self.is_meta() { Device::META } else { Device::CPU }
    }

    #[inline]
    pub fn is_gpu(self) -> bool {
        self.kind == DeviceKind::Gpu
    }

    /// `cpu`, `gpu`, `cuda:1`.
    pub fn parse(text: &str) -> Result<Device> {
        let (name, index) = match text.split_once(':') {
            None => (text, None),
            Some((name, digits)) => match digits.parse::<u8>() {
                Ok(i) if digits == "0" || !digits.starts_with('0') => (name, Some(i)),
                _ => bail!(Runtime, "Invalid device string: '{text}'"),
            },
        };
        match DeviceKind::ALL.into_iter().find(|k| k.plain_name() == name) {
            Some(kind) => Ok(Device { kind, index }),
            None => {
                let known: Vec<&str> = DeviceKind::ALL.iter().map(|k| k.plain_name()).collect();
                Err(crate::err!(
                    Runtime,
                    "Expected one of {} device type at start of device string: {text}",
                    known.join(", ")
                )
                .hint("tensors live on \"cpu\"; the GPU of any maker is called \"gpu\""))
            }
        }
    }

    /// Without an index, as tensors name their device: there is one of each kind.
    #[must_use]
    pub const fn plain(self) -> Device {
        Device { index: None, ..self }
    }

    /// As a tensor on this device shows it. PyTorch numbers every `cuda` device, and rustgrad's one GPU has no number.
    #[must_use]
    pub fn shown(self) -> Device {
        let numbered = self.is_gpu() && self.index.is_none() && spoken::gpu_as_cuda();
        if numbered { Device { index: Some(0), ..self } } else { self }
    }

    /// An error unless tensors can live there.
    pub fn require(self, op: &str) -> Result<()> {
        match self.kind {
            DeviceKind::Cpu | DeviceKind::Meta => Ok(()),
            DeviceKind::Gpu if self.index.is_none_or(|i| i == 0) => Ok(()),
            DeviceKind::Gpu => Err(crate::err!(
                Runtime,
                "{op}: there is no GPU with index {}; one GPU is used at a time",
                self.index.unwrap_or(0)
            )
            .hint("use device=\"gpu\"; RUSTGRAD_GPU=NAME chooses the adapter")),
            kind => Err(crate::err!(Runtime, "{op}: rustgrad has no {} device", kind.name()).hint(
                "tensors live on \"cpu\"; the GPU of any maker is called \"gpu\": write x.to(\"gpu\"), device=\"gpu\"",
            )),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        match self.index {
            Some(i) => write!(f, ":{i}"),
            None => Ok(()),
        }
    }
}
