// A new chat gets its address with its first question. Chainlit would only set it when the list of conversations is
// drawn, which on a phone is when it is opened, and it would close the list again by that.
window.addEventListener('message', (event) => {
  const id = event.source === window && event.data?.kefuConversation;
  if (id && location.pathname === '/') history.replaceState(history.state, '', `/thread/${id}`);
});
