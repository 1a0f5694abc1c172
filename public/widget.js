/* The chat as a button on the shop's own pages:

     <script src="https://chat.shop.example/public/widget.js" data-language="vi" defer></script>

   data-language  the button's words: zh, en, vi or th. Without it, the page's own language (<html lang>), else English.

   When it has run, the page has

     kefu.open(), kefu.close()
     kefu.signIn(token)   the shopper whom the shop signed in, as a JWT (sub, aud, exp). Again with each new token.
     kefu.signOut()       when they leave the shop's account

   and hears the event "kefu-ready" on window. The token goes to the chat's own origin by postMessage, never into an
   address; the chat makes a cookie of it that no script can read.

   The chat must know the shop's origin (KEFU_ALLOWED_ORIGINS=https://shop.example). Cookies set a limit: they are
   SameSite=Lax, so the chat must live on the shop's site, such as chat.shop.example beside shop.example or
   www.shop.example. Framed by another site it gets no cookie, knows nobody, and cannot even keep a guest's chat. */
(() => {
  const script = document.currentScript
  const chat = new URL(script.src).origin
  const words = {
    en: { open: 'Chat with us', close: 'Close chat', frame: 'Chat with the shop' },
    zh: { open: '联系客服', close: '关闭对话', frame: '在线客服' },
    vi: { open: 'Chat với shop', close: 'Đóng khung chat', frame: 'Trò chuyện với shop' },
    th: { open: 'แชทกับร้าน', close: 'ปิดแชท', frame: 'แชทกับร้านค้า' },
  }
  const wanted = (script.dataset.language || document.documentElement.lang || 'en').toLowerCase().split('-')[0]
  const say = words[wanted] || words.en

  // A style sheet made here is no inline style: the shop's Content-Security-Policy need not allow one
  const look = new CSSStyleSheet()
  look.replaceSync(`
    :host { all: initial; }
    button { font: inherit; cursor: pointer; border: 0; padding: 0; display: grid; place-items: center; }
    button:focus-visible { outline: 3px solid hsl(164 56% 30%); outline-offset: 3px; }
    .launch { position: fixed; right: 20px; bottom: calc(20px + env(safe-area-inset-bottom)); z-index: 2147483000;
      width: 60px; height: 60px; border-radius: 50%; background: hsl(164 56% 24%); color: hsl(42 60% 98%);
      box-shadow: 0 0 0 1px hsl(42 60% 98% / .35), 0 4px 16px hsl(32 12% 14% / .28); transition: background .15s; }
    .launch:hover { background: hsl(164 56% 30%); }
    svg { width: 28px; height: 28px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round;
      stroke-linejoin: round; pointer-events: none; }
    [aria-expanded=true] .bubble, [aria-expanded=false] .cross { display: none; }
    dialog { position: fixed; inset: auto 20px calc(92px + env(safe-area-inset-bottom)) auto; z-index: 2147483000;
      width: min(400px, calc(100vw - 40px)); height: min(680px, calc(100vh - 124px)); margin: 0; padding: 0; border: 0;
      max-width: none; max-height: none; border-radius: 12px; overflow: hidden; background: hsl(42 38% 97%);
      box-shadow: 0 0 0 1px hsl(40 20% 80%), 0 12px 40px hsl(32 12% 14% / .25); }
    dialog[open] { display: flex; flex-direction: column; animation: rise .18s ease-out; }
    dialog .bar { display: none; }
    iframe { flex: 1; width: 100%; border: 0; }
    @keyframes rise { from { opacity: 0; transform: translateY(8px); } }
    @media (max-width: 560px), (max-height: 440px) {
      dialog { inset: 0; width: 100vw; height: 100dvh; border-radius: 0; box-shadow: none; }
      dialog .bar { display: flex; justify-content: flex-end; background: hsl(164 56% 24%); color: hsl(42 60% 98%);
        padding: env(safe-area-inset-top) 4px 0; }
      .bar button { width: 44px; height: 44px; background: none; color: inherit; }
      .bar button:focus-visible { outline-color: currentColor; outline-offset: -4px; }
    }
    @media (prefers-color-scheme: dark) { dialog { background: hsl(160 6% 10%); } }
    @media (prefers-reduced-motion: reduce) { dialog[open] { animation: none; } .launch { transition: none; } }
    @media (forced-colors: active) { .launch, dialog { border: 1px solid ButtonText; } }
    @media print { :host { display: none; } }`)

  const made = (name, attributes, ...inside) => {
    const svg = ['svg', 'path'].includes(name)
    const element = svg ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name)
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
    element.append(...inside)
    return element
  }
  const icon = (name, path) => made('svg', { class: name, viewBox: '0 0 24 24', 'aria-hidden': 'true' }, made('path', { d: path }))
  const cross = () => icon('cross', 'M6 6l12 12M18 6L6 18')
  const bubble = icon('bubble', 'M20 12a8 7 0 0 1-11.6 6.2L4 19.5l1.2-3.9A7 7 0 0 1 4 12a8 7 0 0 1 16 0z')

  const launch = made('button', { type: 'button', class: 'launch', 'aria-haspopup': 'dialog', 'aria-controls': 'chat' }, bubble, cross())
  const away = made('button', { type: 'button', 'aria-label': say.close }, cross())
  const panel = made('dialog', { id: 'chat', 'aria-label': say.frame }, made('div', { class: 'bar' }, away))
  const host = made('kefu-widget', { lang: say === words.en ? 'en' : wanted })
  const root = host.attachShadow({ mode: 'open' })
  root.adoptedStyleSheets = [look]
  root.append(panel, launch)

  const phone = matchMedia('(max-width: 560px), (max-height: 440px)')
  let frame = null // loaded when it is first wanted
  let wish = null // who the shop says it is: {kefu: 'sign-in', token} or {kefu: 'sign-out'}
  let listening = false

  const tell = () => {
    if (listening && wish) frame.contentWindow.postMessage(wish, chat)
  }
  const show = () => {
    launch.setAttribute('aria-expanded', String(panel.open))
    launch.setAttribute('aria-label', panel.open ? say.close : say.open)
  }
  const open = () => {
    if (panel.open) return
    if (!frame) {
      frame = made('iframe', { src: `${chat}/`, title: say.frame, allow: `clipboard-write ${chat}` })
      panel.append(frame)
    }
    if (phone.matches) panel.showModal() // the page behind it can be neither seen nor reached
    else panel.show()
    show()
    frame.focus()
  }
  const close = () => panel.close()

  launch.addEventListener('click', () => (panel.open ? close() : open()))
  away.addEventListener('click', close)
  root.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && panel.open) close()
  })
  panel.addEventListener('close', () => {
    if (panel.open) return
    show()
    launch.focus()
  })
  phone.addEventListener('change', () => {
    if (!panel.open) return
    close()
    open() // as suits the window's new size
  })
  window.addEventListener('message', (event) => {
    if (event.origin !== chat || !frame || event.source !== frame.contentWindow) return
    if (event.data?.kefu === 'ready') {
      listening = true
      tell()
    }
  })

  show()
  document.body ? document.body.append(host) : addEventListener('DOMContentLoaded', () => document.body.append(host))
  window.kefu = {
    open,
    close,
    signIn(token) {
      wish = { kefu: 'sign-in', token: String(token) }
      tell()
    },
    signOut() {
      wish = { kefu: 'sign-out' }
      tell()
    },
  }
  window.dispatchEvent(new Event('kefu-ready'))
})()
