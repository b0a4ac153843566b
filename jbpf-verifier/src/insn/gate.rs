//! From slots to instructions: opcodes, reserved fields, registers and distances.

use super::{AtomicOp, Insn, MAX_INSTRUCTIONS, MAX_MAPS, Operand, Reg, Swap};
use crate::fault::Fault;
use crate::program::{Program, RawInsn};
use crate::report::Code;
use crate::scalar::{AluOp, JumpCond, Width};
use crate::types::{HelperTable, ReturnKind};

/// The reason why the gate does not let an instruction pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GateError {
    pub(crate) code: Code,
    pub(crate) insn: usize,
    pub(crate) message: String,
}

impl GateError {
    /// An error that cannot be; see [`Fault::internal`].
    #[track_caller]
    pub(crate) fn internal(insn: usize, what: &'static str) -> Self {
        Self {
            code: Code::Internal,
            insn,
            message: Fault::internal(what).message,
        }
    }
}

/// Decodes the whole program, reachable or not.
pub(crate) fn decode(program: &Program, helpers: &HelperTable) -> Result<Vec<Insn>, GateError> {
    let whole = |code, message| GateError {
        code,
        insn: 0,
        message,
    };
    let count = program.insns.len();
    if count == 0 {
        return Err(whole(
            Code::EmptyProgram,
            "the program has no instructions".to_owned(),
        ));
    }
    if count > MAX_INSTRUCTIONS {
        return Err(whole(
            Code::TooManyInstructions,
            format!("the program has {count} instructions; the limit is {MAX_INSTRUCTIONS}"),
        ));
    }
    if program.maps.len() > MAX_MAPS {
        return Err(whole(
            Code::TooManyMaps,
            format!(
                "the program refers to {} maps; the limit is {MAX_MAPS}",
                program.maps.len()
            ),
        ));
    }
    let mut insns = Vec::with_capacity(count);
    while let Some(raw) = program.insns.get(insns.len()) {
        let gate = Gate {
            program,
            helpers,
            at: insns.len(),
            raw: *raw,
        };
        let insn = gate.decode()?;
        insns.push(insn);
        if insn.len() == 2 {
            insns.push(Insn::WideTail);
        }
    }
    Ok(insns)
}

struct Gate<'a> {
    program: &'a Program,
    helpers: &'a HelperTable,
    at: usize,
    raw: RawInsn,
}

impl Gate<'_> {
    fn error(&self, code: Code, message: impl Into<String>) -> GateError {
        GateError {
            code,
            insn: self.at,
            message: message.into(),
        }
    }

    fn unknown(&self) -> GateError {
        self.error(
            Code::UnknownOpcode,
            format!(
                "{:#04x} is no operation code of RFC 9669 that codelets may use",
                self.raw.opcode
            ),
        )
    }

    fn decode(&self) -> Result<Insn, GateError> {
        match self.raw.opcode & 0x07 {
            0 => self.wide(),
            1 => self.load(),
            2 | 3 => self.store(),
            4 => self.alu(Width::W32),
            5 => self.jump(Width::W64),
            6 => self.jump(Width::W32),
            _ => self.alu(Width::W64),
        }
    }

    fn reserved(&self, is_zero: bool, field: &str, value: i64) -> Result<(), GateError> {
        if is_zero {
            return Ok(());
        }
        Err(self.error(
            Code::ReservedField,
            format!("the {field} of this instruction is reserved and must be 0, not {value}"),
        ))
    }

    fn no_dst(&self) -> Result<(), GateError> {
        self.reserved(
            self.raw.dst == 0,
            "destination register",
            self.raw.dst.into(),
        )
    }

    fn no_src(&self) -> Result<(), GateError> {
        self.reserved(self.raw.src == 0, "source register", self.raw.src.into())
    }

    fn no_off(&self) -> Result<(), GateError> {
        self.reserved(self.raw.off == 0, "offset", self.raw.off.into())
    }

    fn no_imm(&self) -> Result<(), GateError> {
        self.reserved(self.raw.imm == 0, "immediate", self.raw.imm.into())
    }

    fn reg(&self, number: u8) -> Result<Reg, GateError> {
        Reg::new(number).ok_or_else(|| {
            self.error(
                Code::InvalidRegister,
                format!("there is no register r{number}; r0 to r10 exist"),
            )
        })
    }

    fn src(&self) -> Result<Reg, GateError> {
        self.reg(self.raw.src)
    }

    fn dst(&self) -> Result<Reg, GateError> {
        self.reg(self.raw.dst)
    }

    fn written(&self, reg: Reg) -> Result<Reg, GateError> {
        if reg == Reg::FRAME {
            return Err(self.error(
                Code::InvalidRegister,
                "r10 is the frame pointer and may not be written",
            ));
        }
        Ok(reg)
    }

    fn dst_written(&self) -> Result<Reg, GateError> {
        self.written(self.dst()?)
    }

    /// The right operand by the opcode's source bit. The other field must be zero.
    fn operand(&self) -> Result<Operand, GateError> {
        if self.raw.opcode & 0x08 != 0 {
            self.no_imm()?;
            return Ok(Operand::Reg(self.src()?));
        }
        self.no_src()?;
        Ok(Operand::Imm(i64::from(self.raw.imm) as u64))
    }

    fn size(&self) -> u8 {
        match self.raw.opcode & 0x18 {
            0x00 => 4,
            0x08 => 2,
            0x10 => 1,
            _ => 8,
        }
    }

    fn wide(&self) -> Result<Insn, GateError> {
        if self.raw.opcode != 0x18 {
            return Err(self.unknown());
        }
        let dst = self.dst_written()?;
        self.no_off()?;
        let Some(tail) = self.program.insns.get(self.at + 1) else {
            return Err(self.error(
                Code::FallsOffTheEnd,
                "the second half of this wide load is missing",
            ));
        };
        if tail.opcode != 0 || tail.dst != 0 || tail.src != 0 || tail.off != 0 {
            return Err(self.error(
                Code::ReservedField,
                "all but the immediate of a wide load's second half must be 0",
            ));
        }
        let map = || {
            let map = usize::try_from(self.raw.imm)
                .ok()
                .filter(|map| *map < self.program.maps.len());
            map.ok_or_else(|| {
                self.error(
                    Code::UnknownMap,
                    format!(
                        "there is no map {}; the program has {}",
                        self.raw.imm,
                        self.program.maps.len()
                    ),
                )
            })
        };
        match self.raw.src {
            0 => Ok(Insn::Wide {
                dst,
                value: u64::from(self.raw.imm as u32) | u64::from(tail.imm as u32) << 32,
            }),
            5 => {
                self.reserved(tail.imm == 0, "second immediate", tail.imm.into())?;
                Ok(Insn::WideMap { dst, map: map()? })
            }
            6 => {
                let map = map()?;
                let def = self.program.maps.get(map);
                if def.is_none_or(|def| def.section.is_none()) {
                    return Err(self.error(
                        Code::UnknownMap,
                        format!("map {map} is no data section, whose bytes could be addressed"),
                    ));
                }
                Ok(Insn::WideData {
                    dst,
                    map,
                    offset: tail.imm as u32,
                })
            }
            other => Err(self.error(
                Code::ReservedField,
                format!("a wide load with source register {other} has no meaning here"),
            )),
        }
    }

    fn load(&self) -> Result<Insn, GateError> {
        let signed = match self.raw.opcode & 0xe0 {
            0x60 => false,
            0x80 if self.size() < 8 => true,
            _ => return Err(self.unknown()),
        };
        self.no_imm()?;
        Ok(Insn::Load {
            dst: self.dst_written()?,
            base: self.src()?,
            offset: self.raw.off,
            size: self.size(),
            signed,
        })
    }

    fn store(&self) -> Result<Insn, GateError> {
        let from_register = self.raw.opcode & 0x07 == 3;
        match self.raw.opcode & 0xe0 {
            0x60 => {
                let value = if from_register {
                    self.no_imm()?;
                    Operand::Reg(self.src()?)
                } else {
                    self.no_src()?;
                    Operand::Imm(i64::from(self.raw.imm) as u64)
                };
                Ok(Insn::Store {
                    base: self.dst()?,
                    offset: self.raw.off,
                    size: self.size(),
                    value,
                })
            }
            0xc0 if from_register && self.size() >= 4 => self.atomic(),
            _ => Err(self.unknown()),
        }
    }

    fn atomic(&self) -> Result<Insn, GateError> {
        let op = match self.raw.imm {
            0x00 | 0x40 | 0x50 | 0xa0 => AtomicOp::Combine { fetch: false },
            0x01 | 0x41 | 0x51 | 0xa1 => AtomicOp::Combine { fetch: true },
            0xe1 => AtomicOp::Exchange,
            0xf1 => AtomicOp::CompareExchange,
            other => {
                return Err(self.error(
                    Code::ReservedField,
                    format!("{other:#x} is no atomic operation of RFC 9669"),
                ));
            }
        };
        let mut src = self.src()?;
        if matches!(op, AtomicOp::Combine { fetch: true } | AtomicOp::Exchange) {
            src = self.written(src)?;
        }
        Ok(Insn::Atomic {
            op,
            base: self.dst()?,
            offset: self.raw.off,
            size: self.size(),
            src,
        })
    }

    fn alu(&self, width: Width) -> Result<Insn, GateError> {
        let dst = self.dst_written()?;
        let from_register = self.raw.opcode & 0x08 != 0;
        let op = match self.raw.opcode & 0xf0 {
            0x00 => AluOp::Add,
            0x10 => AluOp::Sub,
            0x20 => AluOp::Mul,
            0x30 if self.raw.off == 1 => AluOp::Sdiv,
            0x30 => AluOp::Div,
            0x40 => AluOp::Or,
            0x50 => AluOp::And,
            0x60 => AluOp::Lsh,
            0x70 => AluOp::Rsh,
            0x80 => return self.negate(width, dst),
            0x90 if self.raw.off == 1 => AluOp::Smod,
            0x90 => AluOp::Mod,
            0xa0 => AluOp::Xor,
            0xb0 if from_register && self.raw.off != 0 => return self.move_signed(width, dst),
            0xb0 => AluOp::Mov,
            0xc0 => AluOp::Arsh,
            0xd0 => return self.swap(width, dst),
            _ => return Err(self.unknown()),
        };
        if !matches!(op, AluOp::Sdiv | AluOp::Smod) {
            self.no_off()?;
        }
        Ok(Insn::Alu {
            op,
            width,
            dst,
            rhs: self.operand()?,
        })
    }

    fn negate(&self, width: Width, dst: Reg) -> Result<Insn, GateError> {
        if self.raw.opcode & 0x08 != 0 {
            return Err(self.unknown());
        }
        self.no_src()?;
        self.no_off()?;
        self.no_imm()?;
        Ok(Insn::Alu {
            op: AluOp::Neg,
            width,
            dst,
            rhs: Operand::Imm(0),
        })
    }

    fn move_signed(&self, width: Width, dst: Reg) -> Result<Insn, GateError> {
        self.no_imm()?;
        let bits = match (self.raw.off, width) {
            (8, _) => 8,
            (16, _) => 16,
            (32, Width::W64) => 32,
            (other, _) => {
                return Err(self.error(
                    Code::ReservedField,
                    format!("a move cannot sign-extend from {other} bits"),
                ));
            }
        };
        Ok(Insn::MoveSigned {
            width,
            dst,
            src: self.src()?,
            bits,
        })
    }

    fn swap(&self, width: Width, dst: Reg) -> Result<Insn, GateError> {
        let big = self.raw.opcode & 0x08 != 0;
        let swap = match (width, big) {
            (Width::W32, false) => Swap::ToLittle,
            (Width::W32, true) | (Width::W64, false) => Swap::Reverse,
            (Width::W64, true) => return Err(self.unknown()),
        };
        self.no_src()?;
        self.no_off()?;
        let bits = match self.raw.imm {
            16 => 16,
            32 => 32,
            64 => 64,
            other => {
                return Err(self.error(
                    Code::ReservedField,
                    format!("a byte swap works on 16, 32 or 64 bits, not {other}"),
                ));
            }
        };
        Ok(Insn::Swap { swap, dst, bits })
    }

    fn jump(&self, width: Width) -> Result<Insn, GateError> {
        let cond = match self.raw.opcode & 0xf0 {
            0x00 => return self.jump_always(width),
            0x10 => JumpCond::Eq,
            0x20 => JumpCond::Gt,
            0x30 => JumpCond::Ge,
            0x40 => JumpCond::Set,
            0x50 => JumpCond::Ne,
            0x60 => JumpCond::Sgt,
            0x70 => JumpCond::Sge,
            0x80 if self.raw.opcode == 0x85 => return self.call(),
            0x90 if self.raw.opcode == 0x95 => return self.exit(),
            0xa0 => JumpCond::Lt,
            0xb0 => JumpCond::Le,
            0xc0 => JumpCond::Slt,
            0xd0 => JumpCond::Sle,
            _ => return Err(self.unknown()),
        };
        Ok(Insn::Branch {
            cond,
            width,
            lhs: self.dst()?,
            rhs: self.operand()?,
            target: self.target(self.raw.off.into())?,
        })
    }

    fn jump_always(&self, width: Width) -> Result<Insn, GateError> {
        if self.raw.opcode & 0x08 != 0 {
            return Err(self.unknown());
        }
        self.no_dst()?;
        self.no_src()?;
        let distance = if width == Width::W64 {
            self.no_imm()?;
            i64::from(self.raw.off)
        } else {
            self.no_off()?;
            i64::from(self.raw.imm)
        };
        Ok(Insn::Jump {
            target: self.target(distance)?,
        })
    }

    fn call(&self) -> Result<Insn, GateError> {
        self.no_dst()?;
        self.no_off()?;
        match self.raw.src {
            0 => {
                let id = self.raw.imm as u32;
                let returns = self.helpers.get(id).map(|proto| proto.returns);
                Ok(Insn::CallHelper {
                    id,
                    returns: returns != Some(ReturnKind::Never),
                })
            }
            1 => Ok(Insn::CallFunction {
                target: self.target(self.raw.imm.into())?,
            }),
            other => Err(self.error(
                Code::ReservedField,
                format!("a call with source register {other} has no meaning here"),
            )),
        }
    }

    fn exit(&self) -> Result<Insn, GateError> {
        self.no_dst()?;
        self.no_src()?;
        self.no_off()?;
        self.no_imm()?;
        Ok(Insn::Exit)
    }

    /// The target of a jump or call of this distance. The control flow graph checks the landing.
    fn target(&self, distance: i64) -> Result<usize, GateError> {
        let target = i64::try_from(self.at)
            .ok()
            .and_then(|at| at.checked_add(1)?.checked_add(distance))
            .and_then(|target| usize::try_from(target).ok())
            .filter(|target| *target < self.program.insns.len());
        target.ok_or_else(|| {
            self.error(
                Code::JumpOutOfBounds,
                format!("this jumps {distance:+} instructions, out of the program"),
            )
        })
    }
}
