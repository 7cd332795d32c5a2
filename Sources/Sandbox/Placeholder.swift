import Crypto
import NIOCore
import NIOHTTP1
import NIOHTTPCompression
import NIOPosix
