// A new chat gets its address with its first question. Chainlit would only set it when the list of conversations is
// drawn, which on a phone is when it is opened, and it would close the list again by that.
window.addEventListener('message', (event) => {
  const id = event.source === window && event.data?.kefuConversation;
  if (id && location.pathname === '/') history.replaceState(history.state, '', `/thread/${id}`);
});

// The conversation follows its end, as Chainlit does, with two differences. A card higher than the window would push what
// is said above it out of sight: then the question goes to the top. And a click on a card is a question like a typed one:
// whoever clicked far above sees what becomes of it.
const SETTLED_MS = 100; // Chainlit has scrolled by then

function scrolling(element) {
  const over = element.parentElement;
  return !over || ['auto', 'scroll'].includes(getComputedStyle(over).overflowY) ? over : scrolling(over);
}

function arrived(element) {
  const questions = document.querySelectorAll('[data-step-type=user_message]');
  const question = questions[questions.length - 1];
  const frame = question && scrolling(question);
  if (!frame) return;
  if (element === question) frame.scrollTop = frame.scrollHeight;
  else if (question.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING) {
    const height = element.getBoundingClientRect().bottom - question.getBoundingClientRect().top;
    if (height > frame.clientHeight) question.scrollIntoView({ block: 'start' });
  }
}

new MutationObserver((changes) => {
  for (const { addedNodes } of changes)
    for (const node of addedNodes) {
      if (node.nodeType !== Node.ELEMENT_NODE) continue;
      const wanted = '[data-step-type=user_message], .kefu-card:not(.kefu-approval)';
      const found = node.matches(wanted) ? node : node.querySelector(wanted);
      if (found) setTimeout(() => found.isConnected && arrived(found), SETTLED_MS);
    }
}).observe(document.documentElement, { childList: true, subtree: true });
