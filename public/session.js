/* In a shop's page (widget.js): hears who the shop signed in, from the shop's own origins only, and has it made the
   session's cookie. When that changes whose chat this is, every open page of the chat begins again. */
(() => {
  const shops = document.querySelector('meta[name="kefu-shops"]').content.split(' ')
  const pages = new BroadcastChannel('kefu-session')
  let settled = Promise.resolve() // one after the other: what was said last holds
  let leaving = false // the page that comes next asks again

  const begin = () => {
    leaving = true
    location.replace('/')
  }
  const settle = async ({ kefu, token }) => {
    if (leaving) return
    const headers = { Authorization: `Bearer ${token}` }
    let answer = kefu === 'sign-in' && (await fetch('/v1/session', { method: 'POST', headers }))
    if (!answer.ok) answer = await fetch('/v1/session', { method: 'DELETE' }) // also whoever was here before a bad token
    const { customer, changed } = await answer.json()
    if (kefu === 'sign-in' && !customer) console.warn('kefu: the chat does not accept the token of kefu.signIn()')
    if (!changed) return
    if ((await (await fetch('/v1/session')).json()).customer !== customer) {
      console.warn('kefu: the browser keeps no cookie here, so nobody is signed in. The chat must live on the site of the shop.')
      return
    }
    pages.postMessage('changed')
    begin()
  }

  pages.addEventListener('message', () => {
    settled = settled.then(begin)
  })
  window.addEventListener('message', ({ source, origin, data }) => {
    if (source !== window.parent || !shops.includes(origin)) return
    if (data?.kefu !== 'sign-in' && data?.kefu !== 'sign-out') return
    settled = settled.then(() => settle(data)).catch((error) => console.warn(`kefu: ${error.message}`))
  })
  if (window.parent !== window) window.parent.postMessage({ kefu: 'ready' }, '*') // tells nothing but that
})()
