//! What codelets, through helpers of the application, and output callbacks may do to the runtime.
