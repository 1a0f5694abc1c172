// The row of sources under an answer. A source, and each mark in the answer, opens its text beside the chat;
// with Ctrl, Shift or the middle button it is an ordinary link to the policy's own page.
import { useEffect, useRef } from 'react';
import { useSetRecoilState } from 'recoil';
import { sideViewState } from '@chainlit/react-client';

export default function Sources() {
  const row = useRef(null);
  const setSideView = useSetRecoilState(sideViewState);

  const open = (event, source) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const policy = { ...source, open: props.open };
    setSideView({
      title: source.title,
      elements: [{ id: source.href, type: 'custom', name: 'Policy', display: 'side', props: policy }],
    });
  };

  useEffect(() => {
    const message = row.current?.closest('.ai-message');
    const follow = (event) => {
      const link = event.target.closest('a[href^="/policies/"]');
      const source = link && props.sources.find((s) => s.href === link.getAttribute('href'));
      if (source) open(event, source);
    };
    message?.addEventListener('click', follow);
    return () => message?.removeEventListener('click', follow);
  });

  return (
    <nav className="kefu-sources" ref={row} aria-label={props.label}>
      <span>{props.label}</span>
      {props.sources.map((source) => (
        <a key={source.number} href={source.href} target="_blank" rel="noopener" lang={source.language}>
          <b>{source.number}</b>
          <span>{source.heading || source.title}</span>
        </a>
      ))}
    </nav>
  );
}
