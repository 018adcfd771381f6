"""An HTTPS server that acts as a text message provider. Usage: https.py CERTIFICATE KEY

Prints its port, then each request as a line of JSON. The path selects the answer; the query distinguishes
requests, and is counted for `then`.
"""

import http.server
import json
import ssl
import sys
import threading
import time

SENT = {"message-count": "1", "messages": [{"to": "491701234542", "message-id": "0C01", "status": "0"}]}
seen = {}
lock = threading.Lock()


def tell(**event):
    """One line at a time, whole: several threads speak."""
    with lock:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


def vonage(status, text):
    return {"message-count": "1", "messages": [{"status": status, "error-text": text}]}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen[self.path] = seen.get(self.path, 0) + 1
        tell(path=self.path, headers=headers, body=body)
        kind, _, argument = self.path.partition("?")[0].strip("/").partition("/")
        getattr(self, kind)(argument, body)

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def status(self, argument, body):
        """Repeats the whole request, as a server might that wants to be helpful."""
        self.answer(int(argument), ("refused: " + body + " " + str(self.headers)).encode())

    def redirect(self, argument, body):
        self.answer(int(argument), headers=[("Location", "/status/200")])

    def hang(self, argument, body):
        time.sleep(600)

    def endless(self, argument, body):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x" * 4096)

    def dribble(self, argument, body):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x")
            time.sleep(0.05)

    def vonage(self, argument, body):
        first, _, then = argument.partition("-then-")
        status = then if then and seen[self.path] > 1 else first
        reply = SENT if status == "0" else vonage(status, "for 491701234542 with " + body)
        self.answer(200, json.dumps(reply).encode())

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *arguments):
        pass


server = Server(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)
server.serve_forever()
