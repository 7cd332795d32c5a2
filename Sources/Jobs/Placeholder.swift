import Crypto
import Logging
import Yams
