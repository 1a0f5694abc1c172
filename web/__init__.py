"""What Chainlit needs around it to be a shop's page. Importing this package prepares the environment Chainlit reads.

Chainlit looks for its files in CHAINLIT_APP_ROOT and makes folders there as soon as it is imported.
"""

import os
import secrets

from kefu.config import ROOT

os.environ["CHAINLIT_APP_ROOT"] = str(ROOT)
# Signs the token that web.guards puts before Chainlit. It never leaves this process, so it is made anew at each start.
os.environ.setdefault("CHAINLIT_AUTH_SECRET", secrets.token_urlsafe(32))
