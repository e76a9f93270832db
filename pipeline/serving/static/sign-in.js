// Exchanges the token for a cookie that scripts cannot read, then shows the page that was asked for.
// `serve` prints a link with the token behind a #, which a browser never sends.

const element = (id) => document.getElementById(id);
const LINK = "#token=";

async function signIn(event) {
  event?.preventDefault();
  const headers = { Authorization: `Bearer ${element("token").value.trim()}` };
  try {
    const reply = await fetch("/session", { method: "POST", headers });
    if (reply.ok) return location.reload();
    refuse("This is not the server's token.");
  } catch {
    refuse("The server does not answer, or the token contains invalid characters.");
  }
}

function refuse(sentence) {
  element("refusal").textContent = sentence;
  element("refusal").hidden = false;
  element("token").select();
}

element("sign-in").addEventListener("submit", signIn);
if (location.hash.startsWith(LINK)) {
  element("token").value = decodeURIComponent(location.hash.slice(LINK.length));
  history.replaceState(null, "", location.pathname);
  signIn();
}
