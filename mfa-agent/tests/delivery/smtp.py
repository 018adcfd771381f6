"""A mail server with selectable behaviour. Usage: smtp.py CERTIFICATE KEY [MANNER ...]

Prints its port, then a line of JSON for each command line, and one for each message it accepts. Manners:
  tls          encrypted from the start
  plain        offers no STARTTLS
  busy         refuses the first message with 451
  unknown      refuses every recipient
  auth         requires AUTH PLAIN before MAIL; login: AUTH LOGIN
  inject       sends unrequested data before the encryption
  endless      sends an endless greeting
  silent       sends nothing
"""

import base64
import json
import socket
import ssl
import sys
import threading
import time

manners = set(sys.argv[3:])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
busy = ["busy"] if "busy" in manners else []


lock = threading.Lock()


def tell(**event):
    """One line at a time, whole: several threads speak."""
    with lock:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


class Session:
    def __init__(self, connection):
        self.connection = connection
        self.is_encrypted = self.is_known = False

    def say(self, text):
        self.connection.sendall((text + "\r\n").encode())

    def line(self):
        return self.lines.readline().decode().rstrip("\r\n")

    def encrypt(self):
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.is_encrypted = True

    def run(self):
        if "silent" in manners:
            time.sleep(600)
        while "endless" in manners:
            self.connection.sendall(b"2" * 4096)
        if "tls" in manners:
            self.encrypt()
        self.lines = self.connection.makefile("rb")
        self.say("220-mail.example.org\r\n220 ready")
        while line := self.line():
            tell(command=line, encrypted=self.is_encrypted)
            verb = line.split(" ")[0].split(":")[0].upper()
            if verb == "QUIT":
                return self.say("221 bye")
            getattr(self, verb.lower())(line)

    def ehlo(self, line):
        offers = ["mail.example.org", "8BITMIME"]
        if not self.is_encrypted and "plain" not in manners:
            offers.append("STARTTLS")
        offers += ["AUTH PLAIN LOGIN"] * ("auth" in manners) + ["AUTH LOGIN"] * ("login" in manners)
        for offer in offers[:-1]:
            self.say("250-" + offer)
        self.say("250 " + offers[-1])

    def starttls(self, line):
        self.say("220 go ahead" + "\r\n250 AUTH PLAIN" * ("inject" in manners))
        self.encrypt()
        self.lines = self.connection.makefile("rb")

    def auth(self, line):
        if line.startswith("AUTH PLAIN "):
            _, user, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
        else:
            self.say("334 VXNlcm5hbWU6")
            user = base64.b64decode(self.line()).decode()
            self.say("334 UGFzc3dvcmQ6")
            password = base64.b64decode(self.line()).decode()
        self.is_known = (user, password) == ("mfa", "hunter2")
        self.say("235 welcome" if self.is_known else "535 5.7.8 wrong password " + password)

    def mail(self, line):
        wanted = manners & {"auth", "login"} and not self.is_known
        self.say("530 5.7.0 log in first" if wanted else "250 ok")

    def rcpt(self, line):
        if busy:
            busy.pop()
            return self.say("451 4.7.1 greylisted, come back later")
        self.say("550 5.1.1 " + line[8:] + " unknown" if "unknown" in manners else "250 ok")

    def data(self, line):
        self.say("354 go on")
        text = []
        while (line := self.line()) != ".":
            text.append(line[1:] if line.startswith(".") else line)
        tell(message="\n".join(text))
        self.say("250 queued")


def serve(connection):
    try:
        Session(connection).run()
    except (OSError, ValueError, AttributeError):
        pass
    connection.close()


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
