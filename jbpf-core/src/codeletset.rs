//! A loaded codeletset: its codelets, maps and channels.
