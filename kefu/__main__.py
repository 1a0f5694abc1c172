"""`python -m kefu …` is `kefu …`."""

from kefu.cli import main

main()
