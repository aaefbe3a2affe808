"""The gdb stub: a recorded or running guest as a remote target of gdb and LLDB."""
