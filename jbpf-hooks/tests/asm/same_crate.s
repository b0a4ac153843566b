monitoring_call:
	movq	_ZN10same_crate12EXAMPLE_HOOK17hHASH@GOTPCREL(%rip), %rax
	movq	(%rax), %rax
	testq	%rax, %rax
	jne	.LBB5_2
	retq
.LBB5_2:
	jmpq	*_ZN10same_crate7example11__jbpf_fire17hHASH@GOTPCREL(%rip)
control_call:
	movq	_ZN10same_crate10ADMIT_HOOK17hHASH@GOTPCREL(%rip), %rax
	movq	(%rax), %rax
	testq	%rax, %rax
	jne	.LBB4_2
	xorl	%eax, %eax
	retq
.LBB4_2:
	pushq	%rax
	callq	*_ZN10same_crate5admit11__jbpf_fire17hHASH@GOTPCREL(%rip)
	movq	%rax, %rcx
	xorl	%eax, %eax
	testb	$1, %cl
	cmovneq	%rdx, %rax
	addq	$8, %rsp
	retq
