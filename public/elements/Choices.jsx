// What a message may have meant. Choosing one says it as the shopper's own.
import { useEffect, useId, useState } from 'react';
import { useChatData } from '@chainlit/react-client';

function Choices({ card, say }) {
  const title = useId();
  const { disabled } = useChatData(); // an answer is being written, or nobody is connected
  const [pressed, setPressed] = useState(false);
  useEffect(() => {
    if (!disabled) setPressed(false);
  }, [disabled]);

  const press = (message) => {
    setPressed(true);
    say(message);
  };

  return (
    <article className="kefu-card" aria-labelledby={title} lang={card.language}>
      <header className="kefu-card-head">
        <h3 id={title}>{card.title}</h3>
      </header>
      <ul className="kefu-card-choices">
        {card.choices.map((choice) => (
          <li key={choice.message}>
            <button type="button" disabled={disabled || pressed} onClick={() => press(choice.message)}>
              {choice.label}
            </button>
          </li>
        ))}
      </ul>
    </article>
  );
}

// Kept for the reason told in Order.jsx
const Kept = (window.kefuChoices ??= Choices);
export default <Kept card={props} say={sendUserMessage} />;
